"""Drives a fleet by clients that openapi-python-client made: posts, waits, reads, pages through, sends a file."""

import sys
import time
from io import BytesIO
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import tellers_monitor_client
from httpx import Timeout
from tellers_client import AuthenticatedClient
from tellers_client.api.accounts import list_entries, show_account
from tellers_client.api.imports import import_file, show_import
from tellers_client.api.jobs import list_jobs, show_job, submit_batch, submit_job
from tellers_client.models.account import Account
from tellers_client.models.accepted_line import AcceptedLine
from tellers_client.models.batch_answer import BatchAnswer
from tellers_client.models.deposit_job import DepositJob
from tellers_client.models.deposit_job_kind import DepositJobKind
from tellers_client.models.entries_page import EntriesPage
from tellers_client.models.import_document import ImportDocument
from tellers_client.models.import_form import ImportForm
from tellers_client.models.job import Job
from tellers_client.models.jobs_page import JobsPage
from tellers_client.models.kind import Kind
from tellers_client.models.open_account_job import OpenAccountJob
from tellers_client.models.open_account_job_kind import OpenAccountJobKind
from tellers_client.models.problem import Problem
from tellers_client.models.queued import Queued
from tellers_client.models.status import Status
from tellers_client.models.transfer_job import TransferJob
from tellers_client.models.transfer_job_kind import TransferJobKind
from tellers_client.types import File
from tellers_monitor_client.api.control import change_settings, show_settings
from tellers_monitor_client.api.fleet import show_status
from tellers_monitor_client.api.load_tests import start_load_test
from tellers_monitor_client.models.change_body import ChangeBody
from tellers_monitor_client.models.change_body_changes import ChangeBodyChanges
from tellers_monitor_client.models.closed_load_test_plan import ClosedLoadTestPlan
from tellers_monitor_client.models.config import Config
from tellers_monitor_client.models.load_test import LoadTest
from tellers_monitor_client.models.load_test_request import LoadTestRequest
from tellers_monitor_client.models.problem import Problem as MonitorProblem
from tellers_monitor_client.models.status import Status as FleetStatus

T = TypeVar("T")
IMPORT_SECONDS = 30


def a(kind: type[T], answer: object) -> T:
    """The answer, which has to be of this type."""
    assert isinstance(answer, kind), f"no {kind.__name__}: {answer}"
    return answer


def deposit(account: str, amount: int) -> DepositJob:
    return DepositJob(kind=DepositJobKind.DEPOSIT, account=account, amount=amount, currency="EUR")


def cursor_of(path: str) -> str:
    return parse_qs(urlsplit(path).query)["cursor"][0]


def jobs(client: AuthenticatedClient) -> None:
    for account in ["py:alice", "py:bob"]:
        opens = OpenAccountJob(kind=OpenAccountJobKind.OPEN_ACCOUNT, account=account, currency="EUR")
        opened = a(Job, submit_job.sync(client=client, body=opens, wait=20))
        assert opened.status == Status.POSTED, opened
    queued = a(Queued, submit_job.sync(client=client, body=deposit("py:alice", 1000)))
    posted = a(Job, show_job.sync(queued.id, client=client, wait=20, fresh=True))
    assert posted.status == Status.POSTED and posted.kind == Kind.DEPOSIT, posted
    # The body comes back as the kind that it is, out of all of them.
    assert a(DepositJob, posted.body).amount == 1000

    transfer = TransferJob(
        kind=TransferJobKind.TRANSFER,
        from_="py:alice",
        to="py:bob",
        amount=250,
        currency="EUR",
        reference="py-invoice-17",
    )
    first = a(Job, submit_job.sync(client=client, body=transfer, wait=20))
    again = a(Job, submit_job.sync(client=client, body=transfer, wait=20))
    assert first.id == again.id and again.status == Status.POSTED, again

    batch = submit_batch.sync(client=client, body=[deposit("py:bob", n) for n in range(1, 6)], wait=20)
    lines = [a(AcceptedLine, line) for line in a(BatchAnswer, batch).results]
    assert [line.status for line in lines] == [Status.POSTED] * 5, lines

    wrong = a(Problem, submit_job.sync(client=client, body=deposit("py:alice", -1)))
    errors = a(list, wrong.errors)
    assert wrong.type_ == "/problems/invalid-job" and errors[0].field == "amount", wrong


def reads(client: AuthenticatedClient) -> None:
    bob = a(Account, show_account.sync("py:bob", client=client, fresh=True))
    assert bob.balance == 250 + 1 + 2 + 3 + 4 + 5, bob
    amounts: list[int] = []
    page = a(EntriesPage, list_entries.sync("py:bob", client=client, limit=2, fresh=True))
    amounts += [entry.amount for entry in page.entries]
    while page.next_:
        cursor = cursor_of(page.next_)
        page = a(EntriesPage, list_entries.sync("py:bob", client=client, limit=2, cursor=cursor, fresh=True))
        amounts += [entry.amount for entry in page.entries]
    assert amounts == [5, 4, 3, 2, 1, 250], amounts

    found: list[Job] = []
    listed = a(JobsPage, list_jobs.sync(client=client, account="py:alice", limit=1, fresh=True))
    found += listed.jobs
    while listed.next_:
        cursor = cursor_of(listed.next_)
        listed = a(
            JobsPage, list_jobs.sync(client=client, account="py:alice", limit=1, cursor=cursor, fresh=True)
        )
        found += listed.jobs
    assert [job.kind for job in found] == [Kind.TRANSFER, Kind.DEPOSIT, Kind.OPEN_ACCOUNT], found


def files(client: AuthenticatedClient) -> None:
    rows = b"kind,account,amount,currency,reference\ndeposit,py:alice,7.00,EUR,py-row-1\n"
    form = ImportForm(file=File(payload=BytesIO(rows), file_name="rows.csv", mime_type="text/csv"))
    sent = a(ImportDocument, import_file.sync(client=client, body=form))
    end = time.monotonic() + IMPORT_SECONDS
    while True:
        shown = a(ImportDocument, show_import.sync(sent.id, client=client))
        if shown.posted == 1:
            return
        assert time.monotonic() < end, shown
        time.sleep(0.05)


def monitor(client: tellers_monitor_client.AuthenticatedClient) -> None:
    assert a(FleetStatus, show_status.sync(client=client)).replicas
    changes = ChangeBodyChanges()
    changes["BATCH_PROCESSING_SIZE"] = 50
    changed = a(Config, change_settings.sync(client=client, body=ChangeBody(changes=changes, by="ann")))
    assert a(Config, show_settings.sync(client=client)).version == changed.version
    none = a(MonitorProblem, change_settings.sync(client=client, body=ChangeBody()))
    assert none.type_ == "/problems/invalid-body", none
    request = LoadTestRequest(concurrent_users=2, requests_per_user=2, wait_seconds=30)
    ended = a(LoadTest, start_load_test.sync(client=client, body=request))
    # The plan comes back as the one of its mode.
    assert a(ClosedLoadTestPlan, ended.plan).concurrent_users == 2, ended


if __name__ == "__main__":
    ingress = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[3], timeout=Timeout(60))
    jobs(ingress)
    reads(ingress)
    files(ingress)
    monitor(tellers_monitor_client.AuthenticatedClient(base_url=sys.argv[2], token=sys.argv[3], timeout=Timeout(60)))
    print("driven")
