"""Jobs are what they are meant to be before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import pytest

import tellers
from tellers.jobs import KINDS


@pytest.mark.parametrize("amount", [12.5, 1.0, Decimal("12.50"), Decimal(12), "1250", True])
@pytest.mark.parametrize(
    "job",
    [
        lambda amount: tellers.Deposit(account="a", amount=amount, currency="EUR"),
        lambda amount: tellers.Withdrawal(account="a", amount=amount, currency="EUR"),
        lambda amount: tellers.Transfer(from_="a", to="b", amount=amount, currency="EUR"),
        lambda amount: tellers.Hold(account="a", amount=amount, currency="EUR"),
        lambda amount: tellers.Leg("a", amount),
        lambda amount: tellers.parse_job({"kind": "deposit", "account": "a", "amount": amount, "currency": "EUR"}),
    ],
)
def test_an_amount_that_is_no_whole_number_makes_no_job(job: Callable[[Any], object], amount: Any) -> None:
    with pytest.raises(TypeError, match="int of minor units"):
        job(amount)


@pytest.mark.parametrize("amount", [0, -1, tellers.AMOUNT_MAX + 1])
def test_an_amount_out_of_range_makes_no_job(amount: int) -> None:
    with pytest.raises(ValueError, match=r"deposit\.amount must be from 1 to 9007199254740991"):
        tellers.Deposit(account="a", amount=amount, currency="EUR")


def test_limits_of_overdrafts_and_legs_are_amounts_too() -> None:
    with pytest.raises(TypeError, match="overdraft_limit"):
        tellers.OpenAccount(account="a", currency="EUR", overdraft_limit=5.0)  # type: ignore[arg-type]
    assert tellers.OpenAccount(account="a", currency="EUR", overdraft_limit=0).overdraft_limit == 0
    with pytest.raises(ValueError, match=r"set_overdraft_limit\.overdraft_limit must be from 0"):
        tellers.SetOverdraftLimit(account="a", overdraft_limit=-1)
    with pytest.raises(ValueError, match="leave the leg out"):
        tellers.Leg("a", 0)


def test_days_and_times_are_what_they_say() -> None:
    with pytest.raises(TypeError, match="value_date"):
        tellers.CloseAccount(account="a", value_date=datetime(2026, 11, 30, tzinfo=timezone.utc))
    with pytest.raises(ValueError, match="zone"):
        tellers.Hold(account="a", amount=1, currency="EUR", expires_at=datetime(2026, 11, 30))


def test_a_job_goes_out_with_what_it_says_and_comes_back_the_same() -> None:
    job = tellers.Journal(
        currency="EUR",
        legs=(tellers.Leg("a", -5), tellers.Leg("b", 5)),
        reference="r",
        value_date=date(2026, 11, 30),
        counterparty=tellers.Counterparty(name="Müller"),
        metadata={"order": "A-7"},
        payment=tellers.PaymentNames(end_to_end_id="e"),
    )
    sent = job.to_json()
    assert sent == {
        "kind": "journal",
        "currency": "EUR",
        "legs": [{"account": "a", "amount": -5}, {"account": "b", "amount": 5}],
        "reference": "r",
        "value_date": "2026-11-30",
        "counterparty": {"name": "Müller"},
        "metadata": {"order": "A-7"},
        "payment": {"end_to_end_id": "e"},
    }
    assert tellers.parse_job(sent) == job
    transfer = tellers.Transfer(from_="a", to="b", amount=1, currency="EUR")
    assert transfer.to_json() == {"kind": "transfer", "from": "a", "to": "b", "amount": 1, "currency": "EUR"}
    assert tellers.parse_job(transfer.to_json()) == transfer


def test_json_that_is_no_job_is_refused_and_loses_nothing() -> None:
    with pytest.raises(ValueError, match="kind is 'gift', and must be one of open_account"):
        tellers.parse_job({"kind": "gift"})
    with pytest.raises(ValueError, match="deposit has no member 'memmo'"):
        tellers.parse_job({"kind": "deposit", "account": "a", "amount": 1, "currency": "EUR", "memmo": "rent"})
    with pytest.raises(ValueError, match="without currency"):
        tellers.parse_job({"kind": "deposit", "account": "a", "amount": 1})


def test_every_kind_has_its_class() -> None:
    assert len(KINDS) == 18
    assert all(kind.__name__ in tellers.__all__ for kind in KINDS.values())
