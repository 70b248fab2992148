"""What is read: accounts, entries, statements, lists. Lists are iterators; they ask for a page when they need it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from . import files
from .answers import Account, Entry, HeldFunds, Import, Job, StandingOrder, Statement
from .connection import Connection, Query
from .decoding import decode
from .events import Event, follow
from .problems import UnexpectedAnswer

T = TypeVar("T")
Moment = date | datetime
"""A day (UTC) or an instant, which has a zone."""


class Reading:
    """The part of the client that changes nothing."""

    _connection: Connection

    def account(self, number: str, *, fresh: bool = False) -> Account:
        """Return an account.

        Raises:
            NotFound: It is not there, or the key is not for it.

        """
        return decode(Account, self._get(f"/api/accounts/{quote(number, safe='')}", {"fresh": fresh or None}))

    def accounts(
        self,
        *,
        prefix: str | None = None,
        currency: str | None = None,
        status: Literal["open", "frozen", "closed"] | None = None,
        balance_min: int | None = None,
        balance_max: int | None = None,
        limit: int | None = None,
        fresh: bool = False,
    ) -> Iterator[Account]:
        """Yield the accounts of the key in the order of their numbers.

        Args:
            prefix: How their numbers begin.
            currency: Of the accounts.
            status: Of the accounts.
            balance_min: The least balance in minor units; may be negative.
            balance_max: The largest balance in minor units.
            limit: Accounts of one page: 1 to 500.
            fresh: Read the primary database.

        """
        query = {
            "prefix": prefix,
            "currency": currency,
            "status": status,
            "balance_min": balance_min,
            "balance_max": balance_max,
            "limit": limit,
            "fresh": fresh or None,
        }
        return self._list(Account, "/api/accounts", "accounts", query)

    def entries(self, account: str, *, limit: int | None = None, fresh: bool = False) -> Iterator[Entry]:
        """Yield the entries of an account, the newest first; `limit`: of one page."""
        path = f"/api/accounts/{quote(account, safe='')}/entries"
        return self._list(Entry, path, "entries", {"limit": limit, "fresh": fresh or None})

    def holds(
        self,
        *,
        account: str | None = None,
        status: Literal["active", "captured", "released"] | None = None,
        limit: int | None = None,
        fresh: bool = False,
    ) -> Iterator[HeldFunds]:
        """Yield the holds on the accounts of the key."""
        query = {"account": account, "status": status, "limit": limit, "fresh": fresh or None}
        return self._list(HeldFunds, "/api/holds", "holds", query)

    def standing_order(self, order: str, *, fresh: bool = False) -> StandingOrder:
        """Return a standing order with its next dates.

        Raises:
            NotFound: It is not there, or the key is not for its account.

        """
        path = f"/api/standing-orders/{quote(order, safe='')}"
        return decode(StandingOrder, self._get(path, {"fresh": fresh or None}))

    def standing_orders(
        self,
        *,
        account: str | None = None,
        status: Literal["active", "paused", "closed", "ended"] | None = None,
        limit: int | None = None,
        fresh: bool = False,
    ) -> Iterator[StandingOrder]:
        """Yield the standing orders that draw on the accounts of the key."""
        query = {"account": account, "status": status, "limit": limit, "fresh": fresh or None}
        return self._list(StandingOrder, "/api/standing-orders", "standing_orders", query)

    def jobs(
        self,
        *,
        reference: str | None = None,
        end_to_end_id: str | None = None,
        client: str | None = None,
        account: str | None = None,
        kind: str | None = None,
        outcome: Literal["posted", "rejected", "dead", "cancelled", "scheduled"] | None = None,
        reason: str | None = None,
        amount: int | None = None,
        amount_min: int | None = None,
        amount_max: int | None = None,
        currency: str | None = None,
        counterparty: str | None = None,
        counterparty_account: str | None = None,
        memo: str | None = None,
        metadata_key: str | None = None,
        metadata_value: str | None = None,
        import_: int | None = None,
        from_: Moment | None = None,
        to: Moment | None = None,
        accepted_from: Moment | None = None,
        accepted_to: Moment | None = None,
        limit: int | None = None,
        fresh: bool = False,
    ) -> Iterator[Job]:
        """Yield jobs that have an outcome, the newest first. All that is given has to hold of a job.

        Without `reference`, `import_`, or a time, a search goes through all jobs: give `from_` and `to`.

        Args:
            reference: What their client calls them.
            end_to_end_id: Of their payment.
            client: Who submitted them.
            account: An account that they draw on or have an entry on.
            kind: Such as `transfer`.
            outcome: What came of them.
            reason: Why they were rejected.
            amount: In minor units, as their body says; of a journal, that of a leg without its sign.
            amount_min: The least amount.
            amount_max: The largest amount.
            currency: As their body says.
            counterparty: A part of the name of the counterparty, payer, payee or holder; capitals or not.
            counterparty_account: The counterparty's account.
            memo: How the memo begins; capitals or not.
            metadata_key: The name of a member of the metadata, at its top.
            metadata_value: Its value: a text as it reads, anything else as JSON.
            import_: The number of the import that they are rows of.
            from_: They got their outcome on this day, at this instant, or later.
            to: They got their outcome on this day at the latest, or before this instant.
            accepted_from: They were accepted on this day, at this instant, or later.
            accepted_to: They were accepted on this day at the latest, or before this instant.
            limit: Jobs of one page: 1 to 500.
            fresh: Read the primary database.

        """
        query = {
            "reference": reference,
            "end_to_end_id": end_to_end_id,
            "client": client,
            "account": account,
            "kind": kind,
            "outcome": outcome,
            "reason": reason,
            "amount": amount,
            "amount_min": amount_min,
            "amount_max": amount_max,
            "currency": currency,
            "counterparty": counterparty,
            "counterparty_account": counterparty_account,
            "memo": memo,
            "metadata_key": metadata_key,
            "metadata_value": metadata_value,
            "import": import_,
            "from": _moment(from_),
            "to": _moment(to),
            "accepted_from": _moment(accepted_from),
            "accepted_to": _moment(accepted_to),
            "limit": limit,
            "fresh": fresh or None,
        }
        return self._list(Job, "/api/jobs", "jobs", query)

    def events(
        self,
        *,
        after: str | None = None,
        since: datetime | None = None,
        type: str | None = None,  # noqa: A002 - the service's word
        account: str | None = None,
    ) -> Iterator[Event]:
        """Yield what becomes of jobs, as it happens, without end.

        An event may come twice, with the same `source` and `id`. Keep the `cursor` of the last event that you are done
        with: with it as `after` a client that was killed misses nothing.

        Args:
            after: Begin behind this event.
            since: Begin with the events of this time, or somewhat earlier ones. By default with what comes from now on.
            type: Only events of this type, such as `tellers.job.rejected`.
            account: Only events that name this account.

        Raises:
            Problem: The events behind `after` are not kept any more (status 410): its detail says how to catch up.

        """
        query = {
            "after": after,
            "since": None if after is not None else _moment(since),
            "type": type,
            "account": account,
        }
        return follow(self._connection, query, None)

    def scheduled_jobs(
        self,
        *,
        account: str | None = None,
        client: str | None = None,
        kind: str | None = None,
        from_: Moment | None = None,
        to: Moment | None = None,
        limit: int | None = None,
        fresh: bool = False,
    ) -> Iterator[Job]:
        """Yield jobs that wait for the day on which they are to be executed, the next one first.

        Args:
            account: An account that they name.
            client: Who submitted them.
            kind: Such as `transfer`.
            from_: They are due on this day, at this instant, or later.
            to: They are due on this day at the latest, or before this instant.
            limit: Jobs of one page: 1 to 500.
            fresh: Read the primary database.

        """
        query = {
            "account": account,
            "client": client,
            "kind": kind,
            "from": _moment(from_),
            "to": _moment(to),
            "limit": limit,
            "fresh": fresh or None,
        }
        return self._list(Job, "/api/scheduled-jobs", "jobs", query)

    def statement(
        self, account: str, *, from_: Moment | None = None, to: Moment | None = None, fresh: bool = False
    ) -> Statement:
        """Return a statement: all entries of a period by their time of posting, the oldest first.

        Args:
            account: Its number.
            from_: The first day or instant; by default, the time of the first entry.
            to: The last day, or the first instant after the period; by default, the present.
            fresh: Read the primary database.

        """
        query = {"from": _moment(from_), "to": _moment(to), "fresh": fresh or None}
        return decode(Statement, self._get(_statement_of(account), query))

    def save_statement(
        self,
        account: str,
        path: str | os.PathLike[str],
        *,
        format: Literal["json", "csv", "camt.053"] = "csv",  # noqa: A002 - the service's word
        from_: Moment | None = None,
        to: Moment | None = None,
        fresh: bool = False,
    ) -> Path:
        """Write a statement into a file, however long it is. The file is whole, or not there."""
        query = {"format": format, "from": _moment(from_), "to": _moment(to), "fresh": fresh or None}
        with self._connection.stream(_statement_of(account), query=query) as parts:
            return files.save(parts, path)

    def get_import(self, number: int) -> Import:
        """Return an import as it is."""
        return decode(Import, self._get(f"/api/imports/{number}", {}))

    def imports(self, *, limit: int | None = None) -> Iterator[Import]:
        """Yield imports, the newest first; `limit`: of one page."""
        return self._list(Import, "/api/imports", "imports", {"limit": limit})

    def save_refused_rows(self, number: int, path: str | os.PathLike[str]) -> Path:
        """Write the refused rows of an import into a file, in their own form and each with the reason."""
        with self._connection.stream(f"/api/imports/{number}/refused") as parts:
            return files.save(parts, path)

    def save_import_report(self, number: int, path: str | os.PathLike[str]) -> Path:
        """Write what became of a pain.001 and each of its payments into a file, as pain.002."""
        with self._connection.stream(f"/api/imports/{number}/report") as parts:
            return files.save(parts, path)

    def _get(self, path: str, query: Query) -> Any:
        return self._connection.json("GET", path, query=query)[0]

    def _list(self, form: type[T], path: str, member: str, query: Query) -> Iterator[T]:
        return (decode(form, element) for element in self._pages(path, member, query))

    def _pages(self, path: str, member: str, query: Query) -> Iterator[Any]:
        page = self._get(path, query)
        while True:
            elements = page.get(member) if isinstance(page, dict) else None
            if not isinstance(elements, list):
                raise UnexpectedAnswer(f"{path} answered a page without {member}: {page!r:.200}")
            # A page may be empty, and not the last one.
            yield from elements
            path = page.get("next") or ""
            if not path:
                return
            page = self._get(path, {})


def _statement_of(account: str) -> str:
    return f"/api/accounts/{quote(account, safe='')}/statement"


def _moment(moment: Moment | None) -> str | None:
    if isinstance(moment, datetime) and moment.tzinfo is None:
        raise ValueError(f"{moment} has no zone; give it one, such as timezone.utc")
    return None if moment is None else moment.isoformat()
