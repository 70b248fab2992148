"""Any number of jobs, each once, whatever happens to the client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import send
from conftest import Fleet, has_entries, until
from fakes import Script, batch, lines

import tellers
from tellers import Client


def entries_of(journal: Path) -> list[dict[str, Any]]:
    """The whole lines of the journal."""
    text = journal.read_bytes() if journal.exists() else b""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith(b"\n")]


def noted(journal: Path) -> int:
    return journal.read_bytes().count(b'\n{"job"') if journal.exists() else 0


def answered(journal: Path) -> int:
    return len({number for line in entries_of(journal) for number in line.get("answered", [])})


def test_a_client_that_is_killed_twice_among_ten_thousand_jobs_posts_all_of_them_once(
    fleet: Fleet, client: Client, tmp_path: Path
) -> None:
    accounts = [f"kill:{number}" for number in range(send.ACCOUNTS)]
    opening = client.submit_batch([tellers.OpenAccount(account=a, currency="EUR") for a in accounts], wait=20)
    assert all(result.status == "posted" for result in opening)
    journal = tmp_path / "journal"
    command = [sys.executable, send.__file__, fleet.url, str(journal)]

    for kill_at in (2_000, 6_500):
        process = subprocess.Popen(command)
        until(partial(has_noted, journal, kill_at))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert kill_at <= noted(journal) < send.JOBS, "it was killed in the middle"
    last = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (last.returncode, last.stdout) == (0, f"{send.JOBS} 0\n"), last.stderr
    assert answered(journal) == noted(journal) == send.JOBS

    due: dict[str, list[int]] = {account: [] for account in accounts}
    for job in send.jobs():
        assert isinstance(job, tellers.Deposit)
        due[job.account].append(job.amount)
    for account, amounts in due.items():
        until(partial(has_entries, client, account, len(amounts)))
        posted = [entry.amount for entry in client.entries(account, limit=500)]
        # Each once, and those of an account in the order in which they were given.
        assert posted[::-1] == amounts
    # A run more finds nothing to do.
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{send.JOBS} 0\n"
    assert sum(client.account(account).entries for account in accounts) == send.JOBS


def has_noted(journal: Path, jobs: int) -> bool:
    return noted(journal) >= jobs


def deposits(count: int) -> list[tellers.JobBody]:
    return [tellers.Deposit(account="a", amount=number, currency="EUR") for number in range(1, count + 1)]


def test_a_job_stands_in_the_journal_before_it_is_sent(tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    def look(request: httpx.Request) -> httpx.Response:
        known = {line["reference"] for line in entries_of(journal) if "job" in line}
        assert {line["reference"] for line in lines(request)} <= known
        return batch("aa" if len(known) < 5 else "a")(request)

    done = Script(look, look, look).client().submit_all(deposits(5), journal=journal, batch=2)
    assert (done.jobs, done.accepted, done.refused) == (5, 5, ())


def test_what_has_no_answer_is_sent_again_as_the_same_jobs(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    # The jobs arrived, and the answer did not.
    cut = Script(batch("aa"), httpx.ReadError("cut off"))
    with pytest.raises(tellers.Unreachable):
        cut.client(retry_for=0).submit_all(deposits(5), journal=journal, batch=2)
    again = Script(batch("aa"), batch("w"))
    done = again.client().submit_all(deposits(5), journal=journal, batch=2)
    assert lines(again.requests[0]) == lines(cut.requests[1])
    assert (done.jobs, done.accepted) == (5, 4)
    assert [(job.number, job.problem.type) for job in done.refused] == [(5, "/problems/invalid-job")]


def test_a_job_that_was_refused_is_mended_and_sent_again_alone(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    refused = Script(batch("aw"), batch("wa")).client().submit_all(deposits(4), journal=journal, batch=2).refused
    assert [job.number for job in refused] == [2, 3]
    # As it was, it is refused again; mended, it is taken.
    again = Script(batch("w"), batch("a"))
    mended = [*deposits(2), tellers.Deposit(account="b", amount=30, currency="EUR"), *deposits(4)[3:]]
    done = again.client().submit_all(mended, journal=journal, batch=2)
    assert [[line["amount"] for line in lines(request)] for request in again.requests] == [[2], [30]]
    assert [job.number for job in done.refused] == [2]
    # What was mended is in the ledger: the journal holds to it from then on.
    with pytest.raises(tellers.JournalMismatch, match="job 3 "):
        Script(batch("w")).client().submit_all(deposits(4), journal=journal, batch=2)
    assert Script(batch("a")).client().submit_all(mended, journal=journal).accepted == 4
    assert Script().client().submit_all(mended, journal=journal).accepted == 4


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_off_is_as_if_it_was_never_written(tmp_path: Path, cut: int) -> None:
    journal = tmp_path / "journal"
    first = Script(batch("aa"))
    first.client().submit_all(deposits(2), journal=journal)
    text = journal.read_bytes()
    os.truncate(journal, len(text) - cut)
    again = Script(batch("aa"))
    assert again.client().submit_all(deposits(2), journal=journal).accepted == 2
    assert lines(again.requests[0]) == lines(first.requests[0])
    assert noted(journal) == answered(journal) == 2


def changed(jobs: list[tellers.JobBody]) -> list[tellers.JobBody]:
    return [*jobs[:1], tellers.Deposit(account="b", amount=2, currency="EUR"), *jobs[2:]]


@pytest.mark.parametrize(
    ("jobs", "says"),
    [
        (lambda jobs: jobs[1:], "job 1 "),
        (changed, "job 2 "),
        (lambda jobs: jobs[:2], "3 jobs, and only 2 came"),
    ],
)
def test_a_journal_of_other_jobs_is_refused_before_anything_is_sent(
    tmp_path: Path, jobs: Callable[[list[tellers.JobBody]], list[tellers.JobBody]], says: str
) -> None:
    journal = tmp_path / "journal"
    Script(batch("aaa")).client().submit_all(deposits(3), journal=journal)
    nothing = Script()
    with pytest.raises(tellers.JournalMismatch, match=says):
        nothing.client().submit_all(jobs(deposits(3)), journal=journal)
    assert nothing.requests == []


def test_new_jobs_may_come_behind_those_of_a_journal(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    Script(batch("aaa")).client().submit_all(deposits(3), journal=journal)
    more = Script(batch("aa"))
    assert more.client().submit_all(deposits(5), journal=journal).jobs == 5
    assert [line["amount"] for line in lines(more.requests[0])] == [4, 5]


def test_a_journal_is_one_fleets_and_one_process_has_it(tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    def meanwhile(request: httpx.Request) -> httpx.Response:
        with pytest.raises(tellers.JournalMismatch, match="another process"):
            Script().client().submit_all(deposits(1), journal=journal)
        return batch("a")(request)

    Script(meanwhile).client().submit_all(deposits(1), journal=journal)
    other = Client("http://127.0.0.2", transport=httpx.MockTransport(Script()))
    with pytest.raises(tellers.JournalMismatch, match=r"is about http://127\.0\.0\.1"):
        other.submit_all(deposits(1), journal=journal)
    strange = tmp_path / "notes.txt"
    strange.write_text("shopping\n")
    with pytest.raises(tellers.JournalMismatch, match="is no journal"):
        Script().client().submit_all(deposits(1), journal=strange)
    assert strange.read_text() == "shopping\n"
