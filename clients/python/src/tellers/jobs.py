"""The jobs that a client submits: one class for each kind.

Amounts are whole numbers of minor units, such as cents of EUR. What is no `int` is refused when the job is made, so
that no rounding error is ever sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Literal

AMOUNT_MAX = 2**53 - 1
"""The largest amount and balance in minor units: every JSON reader has it exactly."""


@dataclass(frozen=True, kw_only=True)
class Counterparty:
    """The other side of a job, which has no account in the ledger."""

    name: str | None = None
    account: str | None = None


@dataclass(frozen=True, kw_only=True)
class PaymentNames:
    """The names of a payment, in the words of ISO 20022."""

    message_id: str | None = None
    payment_information_id: str | None = None
    instruction_id: str | None = None
    end_to_end_id: str | None = None
    uetr: str | None = None
    debtor_name: str | None = None
    creditor_name: str | None = None
    creditor_reference: str | None = None
    creditor_reference_type: str | None = None


@dataclass(frozen=True)
class Leg:
    """One leg of a journal; a credit is positive, a debit negative."""

    account: str
    amount: int

    def __post_init__(self) -> None:
        """Refuses an amount that is no whole number, or 0."""
        check_amount("leg.amount", self.amount, -AMOUNT_MAX)
        if self.amount == 0:
            raise ValueError(f"leg.amount of {self.account} is 0; leave the leg out")


@dataclass(frozen=True, kw_only=True)
class JobBody:
    """What may go with any job; its subclasses are the kinds."""

    kind: ClassVar[str]
    _least: ClassVar[Mapping[str, int]] = {}

    reference: str | None = None
    """The client's own name for the job, up to 128 characters: sent again with it, it is the same job."""
    memo: str | None = None
    """The text on the statement."""
    value_date: date | None = None
    """The business day; by default the day on which the job is accepted (UTC)."""
    counterparty: Counterparty | None = None
    metadata: Mapping[str, Any] | None = None
    """Data of the client's own, up to 1,024 bytes of JSON."""
    payment: PaymentNames | None = None
    execute_at: datetime | None = None
    """When it is to be executed, at most 10 years ahead; until then it is `scheduled`. By default at once."""

    def __post_init__(self) -> None:
        """Refuses what would not be sent as it is meant."""
        for name, least in self._least.items():
            amount = getattr(self, name)
            if amount is not None:
                check_amount(f"{self.kind}.{name}", amount, least)
        day: object = self.value_date
        if day is not None and (isinstance(day, datetime) or not isinstance(day, date)):
            raise TypeError(f"{self.kind}.value_date must be a datetime.date, and {day!r} is none")
        at: object = self.execute_at
        if at is not None and not isinstance(at, datetime):
            raise TypeError(f"{self.kind}.execute_at must be a datetime.datetime, and {at!r} is none")
        if isinstance(at, datetime) and at.tzinfo is None:
            raise ValueError(f"{self.kind}.execute_at is {at}, without a zone; give it one, such as timezone.utc")

    def to_json(self) -> dict[str, object]:
        """Return the job as the service takes it."""
        return {"kind": self.kind, **_members(self)}


@dataclass(frozen=True, kw_only=True)
class OpenAccount(JobBody):
    """Opens an account in one currency."""

    kind: ClassVar[str] = "open_account"
    _least: ClassVar[Mapping[str, int]] = {"overdraft_limit": 0}

    account: str
    currency: str
    overdraft_limit: int | None = None
    holder: str | None = None


@dataclass(frozen=True, kw_only=True)
class CloseAccount(JobBody):
    """Closes an account that has neither a balance nor holds."""

    kind: ClassVar[str] = "close_account"

    account: str


@dataclass(frozen=True, kw_only=True)
class FreezeAccount(JobBody):
    """Stops all movement on an account."""

    kind: ClassVar[str] = "freeze_account"

    account: str


@dataclass(frozen=True, kw_only=True)
class UnfreezeAccount(JobBody):
    """Lets a frozen account move again."""

    kind: ClassVar[str] = "unfreeze_account"

    account: str


@dataclass(frozen=True, kw_only=True)
class SetOverdraftLimit(JobBody):
    """Sets how far below zero the available amount of an account may go.

    A limit below what is drawn already only stops further draws. With `currency` the job is rejected where the account
    has another one.
    """

    kind: ClassVar[str] = "set_overdraft_limit"
    _least: ClassVar[Mapping[str, int]] = {"overdraft_limit": 0}

    account: str
    overdraft_limit: int
    currency: str | None = None


@dataclass(frozen=True, kw_only=True)
class SetHolder(JobBody):
    """Names another holder of an account; `None`: none."""

    kind: ClassVar[str] = "set_holder"

    account: str
    holder: str | None = None


@dataclass(frozen=True, kw_only=True)
class Deposit(JobBody):
    """Brings money in from outside."""

    kind: ClassVar[str] = "deposit"
    _least: ClassVar[Mapping[str, int]] = {"amount": 1}

    account: str
    amount: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Withdrawal(JobBody):
    """Takes money out."""

    kind: ClassVar[str] = "withdrawal"
    _least: ClassVar[Mapping[str, int]] = {"amount": 1}

    account: str
    amount: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Transfer(JobBody):
    """Moves money from one account to another."""

    kind: ClassVar[str] = "transfer"
    _least: ClassVar[Mapping[str, int]] = {"amount": 1}

    from_: str
    to: str
    amount: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Journal(JobBody):
    """Posts 2 to 100 legs that sum to zero, all or none."""

    kind: ClassVar[str] = "journal"

    currency: str
    legs: Sequence[Leg]


@dataclass(frozen=True, kw_only=True)
class Hold(JobBody):
    """Reserves funds until a capture or a release; the id of the hold is the id of the job."""

    kind: ClassVar[str] = "hold"
    _least: ClassVar[Mapping[str, int]] = {"amount": 1}

    account: str
    amount: int
    currency: str
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuses a time without its zone."""
        super().__post_init__()
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise ValueError(f"hold.expires_at is {self.expires_at}, without a zone; give it one, such as timezone.utc")


@dataclass(frozen=True, kw_only=True)
class Capture(JobBody):
    """Moves held funds, all or part, to an account or out; the rest of the hold is released."""

    kind: ClassVar[str] = "capture"
    _least: ClassVar[Mapping[str, int]] = {"amount": 1}

    account: str
    hold: str
    to: str | None = None
    amount: int | None = None


@dataclass(frozen=True, kw_only=True)
class Release(JobBody):
    """Releases held funds."""

    kind: ClassVar[str] = "release"

    account: str
    hold: str


@dataclass(frozen=True, kw_only=True)
class Reversal(JobBody):
    """Posts the opposite of a posted job's entries, once.

    `account` is one that the reversal debits, such as the receiver of a transfer; for a withdrawal, its account.
    """

    kind: ClassVar[str] = "reversal"

    account: str
    job: str


@dataclass(frozen=True, kw_only=True)
class StandingRule:
    """On which days a standing order pays. Days are those of UTC."""

    unit: Literal["days", "weeks", "months"]
    from_: date
    """No date is before it. Dates that have passed are paid at once."""
    every: int | None = None
    """How many of the unit lie between two dates; 1 by default."""
    day: int | None = None
    """The day of the month; of months alone, and needed there."""
    missing_day: Literal["last", "next", "skip"] | None = None
    """What that day means in a month that does not have it; needed from the 29th on."""
    until: date | None = None
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class OpenStandingOrder(JobBody):
    """Has payments made on the dates of a rule; the id of the order is the id of the job.

    Each moves `amount`, or all that the account has above `keep`.
    """

    kind: ClassVar[str] = "open_standing_order"
    _least: ClassVar[Mapping[str, int]] = {"amount": 1, "keep": 0}

    account: str
    to: str
    currency: str
    rule: StandingRule
    amount: int | None = None
    keep: int | None = None
    retry_days: int | None = None
    """For how many days a payment that cannot be made is tried again; by default it is left out."""


@dataclass(frozen=True, kw_only=True)
class PauseStandingOrder(JobBody):
    """Has a standing order pay nothing until it is resumed."""

    kind: ClassVar[str] = "pause_standing_order"

    account: str
    order: str


@dataclass(frozen=True, kw_only=True)
class ResumeStandingOrder(JobBody):
    """Has a standing order pay again, from its first date on that is not before today."""

    kind: ClassVar[str] = "resume_standing_order"

    account: str
    order: str


@dataclass(frozen=True, kw_only=True)
class CloseStandingOrder(JobBody):
    """Has a standing order pay nothing any more."""

    kind: ClassVar[str] = "close_standing_order"

    account: str
    order: str


KINDS: Mapping[str, type[JobBody]] = {
    kind.kind: kind
    for kind in (
        OpenAccount,
        CloseAccount,
        FreezeAccount,
        UnfreezeAccount,
        SetOverdraftLimit,
        SetHolder,
        Deposit,
        Withdrawal,
        Transfer,
        Journal,
        Hold,
        Capture,
        Release,
        Reversal,
        OpenStandingOrder,
        PauseStandingOrder,
        ResumeStandingOrder,
        CloseStandingOrder,
    )
}
"""Every kind of job that a client submits, by its name."""


def check_amount(field: str, amount: object, least: int) -> None:
    """Refuse what is no whole number of minor units.

    Raises:
        TypeError: It is no `int`: a `float`, a `Decimal`, a `bool`.
        ValueError: It is below `least` or above `AMOUNT_MAX`.

    """
    if not isinstance(amount, int) or isinstance(amount, bool):
        what = type(amount).__name__
        raise TypeError(
            f"{field} must be an int of minor units (1250 for 12.50 EUR), and {amount!r} is a {what}; nothing was sent"
        )
    if not least <= amount <= AMOUNT_MAX:
        raise ValueError(f"{field} must be from {least} to {AMOUNT_MAX} minor units, and is {amount}; nothing was sent")


def _members(body: object) -> dict[str, object]:
    """Return the members that have a value; `from_` goes as `from`, which Python keeps for itself."""
    if not is_dataclass(body):
        raise TypeError(f"{body!r} is no job; make one with tellers.Transfer(…) or tellers.parse_job(…)")
    values = ((field.name.rstrip("_"), getattr(body, field.name)) for field in fields(body))
    return {name: _plain(value) for name, value in values if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, date):  # A datetime is one, too.
        return value.isoformat()
    if is_dataclass(value):
        return _members(value)
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    return value
