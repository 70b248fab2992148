"""What the service answers. Amounts are whole numbers of minor units; times have their zone (UTC)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from .jobs import Counterparty, JobBody, PaymentNames, StandingRule
from .problems import TellersError

Status = Literal[
    "queued", "pending", "scheduled", "posted", "rejected", "dead", "running", "done", "cancelled", "refused"
]
"""The state of a job. A later release may have more."""

ImportState = Literal["queued", "reading", "draining", "done", "refused", "cancelled", "failed"]
"""The state of an import."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account: its balance, holds, limit and status."""

    number: str
    currency: str
    balance: int
    held: int
    """Sum of the active holds; part of `balance`."""
    overdraft_limit: int
    status: Literal["open", "frozen", "closed"]
    entries: int
    """Number of its entries."""
    available: int | None = None
    """What one job may draw; None for the system's own accounts, which have no limit."""
    holder: str | None = None


@dataclass(frozen=True, kw_only=True)
class OtherSide:
    """The other side of an entry."""

    name: str | None = None
    account: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry(PaymentNames):
    """One leg of a posted job."""

    seq: int
    """Its place among the account's entries, from 1, without gaps."""
    job: str
    kind: str
    amount: int
    """A credit is positive, a debit negative."""
    balance_after: int
    posted_at: datetime
    value_date: date
    memo: str | None = None
    counterparty: OtherSide | None = None


@dataclass(frozen=True, kw_only=True)
class StatementEntry(Entry):
    """An entry on a statement."""

    booking_date: date
    reference: str | None = None


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement of an account, its entries the oldest first."""

    account: str
    currency: str
    from_: datetime
    to: datetime
    """The first moment after the period."""
    opening_balance: int
    closing_balance: int
    count: int
    entries: tuple[StatementEntry, ...]
    holder: str | None = None


@dataclass(frozen=True, kw_only=True)
class Conflicts:
    """Other bodies that came under a job's identity. None of them took effect."""

    count: int
    last_accepted_at: datetime
    last_body: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class HeldFunds:
    """Funds that are reserved on an account, as they stand."""

    id: str
    account: str
    currency: str
    amount: int
    status: Literal["active", "captured", "released"]
    captured: int | None = None
    """What a capture moved."""
    expires_at: datetime | None = None
    ended_by: str | None = None
    """The job that captured or released it."""
    ended_at: datetime | None = None
    expired: bool = False


@dataclass(frozen=True, kw_only=True)
class StandingOrderPayment:
    """What became of a payment of a standing order."""

    job: str
    due: date
    outcome: Literal["posted", "rejected", "cancelled"]
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class StandingOrder:
    """A standing order, and how far it is."""

    id: str
    client: str
    account: str
    to: str
    currency: str
    rule: StandingRule
    retry_days: int
    status: Literal["active", "paused", "closed", "ended"]
    next_dates: Sequence[date]
    """The next five; empty unless it is active."""
    payments_made: int
    opened_at: datetime
    amount: int | None = None
    keep: int | None = None
    reference: str | None = None
    next_attempt_on: date | None = None
    """The day of the next payment, or on which it is tried again."""
    last_payment: StandingOrderPayment | None = None
    memo: str | None = None
    counterparty: Counterparty | None = None
    payment: PaymentNames | None = None


@dataclass(frozen=True, kw_only=True)
class RowOfImport:
    """The row of a file that a job came from."""

    import_: int
    row: int


@dataclass(frozen=True, kw_only=True)
class CancelledJob:
    """That a job was cancelled: when, and the client that did."""

    at: datetime
    by: str
    reason: str | None = None
    client: str | None = None
    """The client whose job is cancelled; None: whoever's."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job, as far as the service knows it. Without an outcome, only its id and status are there."""

    id: str
    status: Status
    reason: str | None = None
    """Why it was rejected, such as `insufficient_funds`."""
    kind: str | None = None
    lane: int | None = None
    client: str | None = None
    reference: str | None = None
    body: Mapping[str, Any] | None = None
    """What was submitted, in canonical form; `tellers.parse_job` makes a job of it."""
    accepted_at: datetime | None = None
    posted_at: datetime | None = None
    execute_at: datetime | None = None
    """When it is, or was, to be executed; None: at once."""
    scheduled_at: datetime | None = None
    """When it was recorded that it waits for `execute_at`."""
    conflicts: Conflicts | None = None
    cause: str | None = None
    """Why it is dead."""
    cancelled: CancelledJob | None = None
    reversed_by: str | None = None
    hold: HeldFunds | None = None
    import_: RowOfImport | None = None

    @property
    def has_outcome(self) -> bool:
        """Whether it is posted, rejected, cancelled or dead; an operator may bring a dead job to another outcome."""
        return self.status in ("posted", "rejected", "dead", "done", "cancelled")

    @property
    def is_posted(self) -> bool:
        """Whether its entries are in the ledger."""
        return self.status == "posted"


@dataclass(frozen=True, kw_only=True)
class AcceptedLine:
    """A line of a batch that is on disk, as the service answers it."""

    id: str
    status: Status
    reason: str | None = None
    came_before: bool = False
    execute_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class LineResult:
    """What became of one line of a batch."""

    line: int
    """Its number, from 1."""
    job: JobBody
    """The job as it was sent: with the reference that it is known by."""
    id: str | None = None
    """The job's id; None if the line was refused."""
    status: Status
    """`queued`, or its outcome after a wait; `refused`."""
    reason: str | None = None
    came_before: bool = False
    """The service knows that this job came before; it takes no second effect."""
    error: TellersError | None = None
    """Why the line was refused. Of an `Unreachable` it is not known whether it arrived."""

    @property
    def is_accepted(self) -> bool:
        """Whether the job is on disk and reaches an outcome."""
        return self.error is None


@dataclass(frozen=True, kw_only=True)
class TimelineEvent:
    """Something that happened to a job."""

    event: Mapping[str, Any]
    """What happened: its `type`, and what belongs to that."""
    text: str
    """The same as a sentence, for people."""
    at: datetime | None = None

    @property
    def type(self) -> str:
        """What happened, such as `accepted`, `posted` or `entry`."""
        return str(self.event.get("type"))


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """What happened to a job, in the order of time."""

    job: str
    status: Status
    events: tuple[TimelineEvent, ...]


@dataclass(frozen=True, kw_only=True)
class RefusedRow:
    """A row of a file that is no job."""

    row: int
    line: int
    reason: str
    column: int | None = None
    field: str | None = None


@dataclass(frozen=True, kw_only=True)
class SharedRows:
    """An earlier import that has some of the same rows."""

    import_: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Import:
    """A file of jobs: its progress, and the outcomes of its rows."""

    id: int
    state: ImportState
    client: str
    dry_run: bool
    cancel_requested: bool
    bytes: int
    bytes_read: int
    rows_read: int
    accepted: int
    refused: int
    """Rows that are no jobs; `first_refusals` has the first ten, `Client.save_refused_rows` all."""
    posted: int
    rejected: int
    duplicates: int
    conflicts: int
    dead: int
    cancelled: int
    """Rows whose jobs had been cancelled before they came to be posted."""
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    error: Mapping[str, Any] | None = None
    """Why the file as a whole was refused, or has failed."""
    waits: str | None = None
    duplicates_not_posted: int | None = None
    scheduled: int = 0
    """Rows whose jobs wait for the day on which they are to be executed; each counts by its outcome then."""
    first_refusals: tuple[RefusedRow, ...] = ()
    shares: tuple[SharedRows, ...] = ()
    rows_per_second: float | None = None
    seconds_left: float | None = None
    started_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ("done", "refused", "cancelled", "failed")

    @property
    def is_whole(self) -> bool:
        """Whether every row of the file is in the ledger, or was before."""
        wrong = self.refused + self.rejected + self.conflicts + self.dead + self.cancelled + self.scheduled
        return self.state == "done" and wrong + (self.duplicates_not_posted or 0) == 0
