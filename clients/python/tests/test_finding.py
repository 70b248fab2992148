"""Search, lists of accounts and holds, and the timeline: of a fleet that has them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import tellers
from tellers import Client


def test_a_payment_is_found_by_what_it_says(client: Client) -> None:
    client.submit(tellers.OpenAccount(account="find:a", currency="EUR", holder="Anna Müller"), wait=20)
    deposit = tellers.Deposit(
        account="find:a",
        amount=12_550,
        currency="EUR",
        reference="find-7",
        memo="Invoice 7",
        counterparty=tellers.Counterparty(name="Müller & Söhne", account="DE1"),
        metadata={"order": "A-7"},
        payment=tellers.PaymentNames(end_to_end_id="find-e"),
    )
    job = client.submit(deposit, wait=20)
    day = date.today()
    for found in (
        client.jobs(reference="find-7"),
        client.jobs(end_to_end_id="find-e", from_=day, to=day),
        client.jobs(amount=12_550, currency="EUR", counterparty="müll", from_=day, to=day),
        client.jobs(account="find:a", amount_min=12_000, amount_max=13_000, kind="deposit"),
        client.jobs(metadata_key="order", metadata_value="A-7", accepted_from=day, from_=day),
        client.jobs(memo="invoice", counterparty_account="de 1", from_=day),
    ):
        assert [job.id for job in found] == [job.id]
    assert list(client.jobs(reference="find-8")) == []

    timeline = client.timeline(job.id)
    assert (timeline.job, timeline.status) == (job.id, "posted")
    assert [event.type for event in timeline.events] == ["accepted", "posted", "entry", "entry"]
    (own,) = [event.event for event in timeline.events if event.event.get("account") == "find:a"]
    assert own["balance_after"] == 12_550
    assert all(event.text for event in timeline.events)


def test_a_job_waits_for_its_day(client: Client) -> None:
    client.submit(tellers.OpenAccount(account="day:a", currency="EUR"), wait=20)
    at = datetime.now(timezone.utc) + timedelta(hours=1)
    rent = tellers.Deposit(account="day:a", amount=5, currency="EUR", execute_at=at)
    job = client.submit(rent, wait=20)
    assert (job.status, job.has_outcome, job.execute_at) == ("scheduled", False, at)
    assert job.body is not None
    assert tellers.parse_job(job.body) == rent
    assert [job.id for job in client.scheduled_jobs(account="day:a", to=at + timedelta(seconds=1))] == [job.id]
    assert list(client.scheduled_jobs(account="day:a", from_=at + timedelta(seconds=1))) == []
    assert client.cancel(job.id).status == "cancelled"
    assert list(client.scheduled_jobs(account="day:a")) == []
    now = client.submit(
        tellers.Deposit(account="day:a", amount=5, currency="EUR", execute_at=at - timedelta(hours=2)), wait=20
    )
    assert now.is_posted


def test_accounts_and_holds_are_listed(client: Client) -> None:
    for name in ("list:a", "list:b", "list:c"):
        client.submit(tellers.OpenAccount(account=name, currency="EUR"), wait=20)
    client.submit(tellers.Deposit(account="list:b", amount=500, currency="EUR"), wait=20)
    assert [account.number for account in client.accounts(prefix="list:", limit=1)] == ["list:a", "list:b", "list:c"]
    assert [account.number for account in client.accounts(prefix="list:", balance_min=1)] == ["list:b"]
    hold = client.submit(tellers.Hold(account="list:b", amount=300, currency="EUR"), wait=20)
    (active,) = client.holds(account="list:b", status="active")
    assert (active.id, active.amount) == (hold.id, 300)
    capture = client.submit(tellers.Capture(account="list:b", hold=hold.id, to="list:c", amount=200), wait=20)
    ended = client.job(hold.id).hold
    assert ended is not None
    assert (ended.status, ended.captured, ended.ended_by) == ("captured", 200, capture.id)
