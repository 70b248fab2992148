"""The client and a real fleet."""

from __future__ import annotations

import gzip
import json
import threading
from datetime import date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
import trustme
from conftest import Fleet, has_entries, until

import tellers
from tellers import Client


def opened(client: Client, *accounts: str) -> None:
    for account in accounts:
        client.submit(tellers.OpenAccount(account=account, currency="EUR"), wait=20)


def test_a_job_from_its_submission_to_the_statement(client: Client, tmp_path: Path) -> None:
    opened(client, "s:alice", "s:bob")
    day = date.today() - timedelta(days=2)
    deposit = client.submit(tellers.Deposit(account="s:alice", amount=5000, currency="EUR", value_date=day), wait=20)
    assert deposit.is_posted
    assert deposit.body is not None
    assert tellers.parse_job(deposit.body).value_date == day

    transfer = tellers.Transfer(
        from_="s:alice",
        to="s:bob",
        amount=1250,
        currency="EUR",
        reference="s/invoice-17",
        memo="rent",
        counterparty=tellers.Counterparty(name="Müller & Söhne"),
        payment=tellers.PaymentNames(end_to_end_id="E-17"),
    )
    sent = client.submit(transfer)
    assert sent.status == "queued"
    first, again = client.wait(sent.id), client.submit(transfer, wait=20)
    assert first.id == again.id
    assert first.is_posted
    with pytest.raises(tellers.Conflict) as caught:
        client.submit(tellers.Deposit(account="s:bob", amount=1, currency="EUR", reference="s/invoice-17"), wait=20)
    assert caught.value.request_id

    bob = client.account("s:bob")
    assert (bob.balance, bob.entries, bob.status) == (1250, 1, "open")
    (entry,) = client.entries("s:bob")
    assert (entry.amount, entry.balance_after, entry.memo, entry.end_to_end_id) == (1250, 1250, "rent", "E-17")
    assert entry.posted_at.tzinfo is not None
    assert entry.job == sent.id

    statement = client.statement("s:alice", from_=date.today() - timedelta(days=1))
    assert [entry.amount for entry in statement.entries] == [5000, -1250]
    assert statement.entries[1].reference == "s/invoice-17"
    assert (statement.opening_balance, statement.closing_balance, statement.count) == (0, 3750, 2)
    saved = client.save_statement("s:alice", tmp_path / "s.csv")
    assert "1250" in saved.read_text() or "12.50" in saved.read_text()
    camt = client.save_statement("s:alice", tmp_path / "s.xml", format="camt.053", from_=date.today())
    assert "camt.053" in camt.read_text()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s.csv", "s.xml"]


def test_a_rejected_job_is_a_result_and_no_error(client: Client) -> None:
    opened(client, "r:alice")
    job = client.submit(tellers.Withdrawal(account="r:alice", amount=1, currency="EUR"), wait=20)
    assert (job.status, job.reason, job.has_outcome) == ("rejected", "insufficient_funds", True)


def test_problems_name_the_field_and_the_remedy(client: Client) -> None:
    with pytest.raises(tellers.Invalid) as caught:
        client.submit(tellers.Deposit(account="no such account!", amount=1, currency="EUR"))
    assert caught.value.type == "/problems/invalid-job"
    assert caught.value.errors[0].field == "account"
    with pytest.raises(tellers.NotFound, match="account-not-found"):
        client.account("nobody")
    with pytest.raises(tellers.Invalid, match="a/b c"):
        client.account("a/b c?")


def test_a_job_that_is_cancelled_never_posts(client: Client) -> None:
    opened(client, "c:a")
    job = client.submit(tellers.Deposit(account="c:a", amount=7, currency="EUR", reference="c/1"), wait=20)
    with pytest.raises(tellers.TooLate, match="posted"):
        client.cancel(job.id)
    waiting = client.submit(tellers.Deposit(account="c:a", amount=7, currency="EUR"))
    try:
        cancelled = client.cancel(waiting.id, reason="twice")
        assert cancelled.cancelled is not None
        assert (cancelled.status, cancelled.cancelled.reason) == ("cancelled", "twice")
        outcome = "cancelled"
    except tellers.TooLate:
        outcome = "posted"
    assert client.wait(waiting.id).status == outcome


def test_every_kind_of_job(client: Client) -> None:
    opened(client, "k:a", "k:b")

    def posted(job: tellers.JobBody) -> str:
        done = client.submit(job, wait=20)
        assert done.is_posted, done
        return done.id

    posted(tellers.Deposit(account="k:a", amount=1000, currency="EUR", metadata={"order": "A-7"}))
    posted(tellers.Withdrawal(account="k:a", amount=100, currency="EUR"))
    transfer = posted(tellers.Transfer(from_="k:a", to="k:b", amount=200, currency="EUR"))
    posted(tellers.Reversal(account="k:b", job=transfer))
    posted(tellers.Journal(currency="EUR", legs=[tellers.Leg("k:a", -50), tellers.Leg("k:b", 50)]))
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    hold = posted(tellers.Hold(account="k:a", amount=300, currency="EUR", expires_at=tomorrow))
    posted(tellers.Capture(account="k:a", hold=hold, to="k:b", amount=250))
    other = posted(tellers.Hold(account="k:a", amount=10, currency="EUR"))
    posted(tellers.Release(account="k:a", hold=other))
    posted(tellers.FreezeAccount(account="k:b"))
    posted(tellers.UnfreezeAccount(account="k:b"))
    posted(tellers.SetOverdraftLimit(account="k:a", overdraft_limit=70, currency="EUR"))
    posted(tellers.SetHolder(account="k:a", holder="Ada"))
    assert (client.account("k:a").overdraft_limit, client.account("k:a").holder) == (70, "Ada")
    posted(tellers.SetHolder(account="k:a"))
    assert client.account("k:a").holder is None
    posted(tellers.Withdrawal(account="k:b", amount=300, currency="EUR"))
    posted(tellers.CloseAccount(account="k:b"))
    assert (client.account("k:a").balance, client.account("k:b").status) == (600, "closed")


def test_lists_go_through_all_pages(client: Client) -> None:
    opened(client, "p:a")
    results = client.submit_batch(
        [tellers.Deposit(account="p:a", amount=n, currency="EUR") for n in range(1, 8)],
        wait=20,
        idempotency_key="p/deposits",
    )
    assert [result.status for result in results] == ["posted"] * 7
    assert [entry.amount for entry in client.entries("p:a", limit=3)] == [7, 6, 5, 4, 3, 2, 1]
    found = list(client.jobs(account="p:a", kind="deposit", outcome="posted", from_=date.today(), limit=2))
    assert [job.reference for job in found] == [f"p/deposits/{n}" for n in range(7, 0, -1)]
    assert list(client.jobs(account="p:a", to=date(2020, 1, 1))) == []
    events = client.pages("/api/audit", "events", {"limit": 1})
    assert isinstance(list(events), list)


def test_lines_of_a_batch_stand_for_themselves(client: Client) -> None:
    opened(client, "b:a")
    good = tellers.Deposit(account="b:a", amount=5, currency="EUR")
    wrong = tellers.Deposit(account="b a", amount=5, currency="EUR")
    poor = tellers.Withdrawal(account="b:a", amount=500, currency="EUR")
    results = client.submit_batch([good, wrong, poor, good], wait=20)
    assert [result.status for result in results] == ["posted", "refused", "rejected", "posted"]
    assert isinstance(results[1].error, tellers.Invalid)
    assert results[2].reason == "insufficient_funds"
    assert client.account("b:a").balance == 10
    assert all(not result.is_accepted for result in client.submit_batch([wrong]))


def test_a_file_is_followed_to_its_end(client: Client, tmp_path: Path) -> None:
    opened(client, "f:a")
    rows = ["kind,account,amount,currency,reference"]
    rows += [f"deposit,f:a,{n}.00,EUR,f/{n}" for n in range(1, 13)]
    rows += ["deposit,f:a,-1,EUR,f/13", "withdrawal,f:a,9999.00,EUR,f/14"]
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(rows) + "\n")
    seen: list[tellers.Import] = []
    done = client.import_file(file, progress=seen.append, timeout=30)
    assert (done.state, done.accepted, done.posted, done.rejected, done.refused) == ("done", 13, 12, 1, 1)
    assert not done.is_whole
    assert done.name == "rows.csv"
    assert seen[-1] == done
    (refused,) = done.first_refusals
    assert (refused.row, refused.line, refused.field) == (13, 14, "amount")
    saved = client.save_refused_rows(done.id, tmp_path / "refused.csv").read_text("utf-8-sig")
    assert "deposit,f:a,-1,EUR,f/13" in saved
    assert client.account("f:a").balance == sum(range(1, 13)) * 100

    # The same file again, packed: the same jobs.
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    again = client.import_file(packed, format="csv")
    assert (again.posted, again.duplicates) == (0, 13)
    dry = client.import_file(file, dry_run=True)
    assert dry.dry_run
    assert dry.refused == 1
    assert [found.id for found in client.imports(limit=1)][:3] == [dry.id, again.id, done.id]
    with pytest.raises(tellers.Invalid):
        client.import_file(file, map="this is no map")
    assert client.cancel_import(done.id).state == "done"


def test_a_mapped_file_has_its_amounts_in_the_units_of_the_bank(client: Client, tmp_path: Path) -> None:
    opened(client, "m:a")
    file = tmp_path / "umsätze & mehr.csv"
    file.write_text("Betrag;Text\n12,50;Miete\n", "cp1252")
    done = client.import_file(file, map="account='m:a', amount=Betrag, currency='EUR', memo=Text", charset="cp1252")
    assert done.is_whole
    assert done.name == file.name
    (entry,) = client.entries("m:a")
    assert (entry.amount, entry.memo) == (1250, "Miete")


def test_threads_share_a_client(client: Client) -> None:
    opened(client, "t:a")
    job = tellers.Deposit(account="t:a", amount=1, currency="EUR")
    threads = [threading.Thread(target=client.submit, args=(job,), kwargs={"wait": 20}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.account("t:a").balance == 8


def test_a_fleet_that_restarts_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet, Client(fleet.url) as client:
        opened(client, "alice")
        fleet.stop()
        back = threading.Timer(0.5, fleet.start)
        back.start()
        job = client.submit(tellers.Deposit(account="alice", amount=1, currency="EUR"), wait=20)
        back.join()
        assert client.wait(job.id).is_posted
        assert client.account("alice").balance == 1
        fleet.stop()
        with Client(fleet.url, retry_for=0) as hasty, pytest.raises(tellers.Unreachable, match="no answer from"):
            hasty.account("alice")


def test_keys_say_who_submits_and_what_is_granted(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        made = json.loads(fleet.run("keys", "create", "--client", "acme", "--accounts", "acme:*", "--json"))
        with Client(fleet.url, key=made["key"]) as client:
            until(lambda: is_let_in(client))
            opened(client, "acme:a")
            job = client.submit(tellers.Deposit(account="acme:a", amount=1, currency="EUR"))
            client.wait(job.id)
            assert client.job(job.id).client == "acme"
            with pytest.raises(tellers.Forbidden, match="not-granted"):
                client.submit(tellers.Withdrawal(account="other", amount=1, currency="EUR"))
        with Client(fleet.url) as stranger, pytest.raises(tellers.Unauthorized):
            stranger.account("acme:a")


def test_more_jobs_than_a_key_may_send_at_once_are_all_posted_in_order(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        new = ["keys", "create", "--client", "acme", "--accounts", "*", "--rate", "400", "--json"]
        made = json.loads(fleet.run(*new))
        with Client(fleet.url, key=made["key"]) as client:
            until(lambda: is_let_in(client))
            opened(client, "a", "b")
            amounts = range(1, 1001)
            jobs = [tellers.Deposit(account="ab"[n % 2], amount=n, currency="EUR") for n in amounts]
            results = client.submit_batch(jobs, wait=20)
            assert all(result.is_accepted for result in results)
            for account, first in (("a", 2), ("b", 1)):
                until(partial(has_entries, client, account, 500))
                posted = [entry.amount for entry in client.entries(account, limit=500)]
                assert posted[::-1] == list(range(first, 1001, 2))


def is_let_in(client: Client) -> bool:
    """Every replica takes a new key over within two seconds."""
    try:
        return list(client.imports()) == []
    except tellers.Unauthorized:
        return False


def test_a_private_authority_is_trusted_where_it_is_given(tmp_path: Path) -> None:
    ca, certificate, key = (tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key"))
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(ca))
    server.private_key_pem.write_to_path(str(key))
    for part in server.cert_chain_pems:
        part.write_to_path(str(certificate), append=True)
    with Fleet(tmp_path, TLS_CERT=str(certificate), TLS_KEY=str(key)) as fleet:
        assert fleet.url.startswith("https://")
        with Client(fleet.url, ca=ca) as client:
            opened(client, "alice")
            assert client.account("alice").balance == 0
        # Who is not trusted stays so: this is not tried again, and the answer says what to do.
        with Client(fleet.url, retry_for=3600) as client, pytest.raises(tellers.Unreachable, match="as `ca`"):
            client.account("alice")
        with Client(fleet.url.replace("https", "http"), retry_for=0) as client, pytest.raises(tellers.TellersError):
            client.account("alice")
        with pytest.raises(ValueError, match="no PEM file"):
            Client(fleet.url, ca=tmp_path / "none.pem")
