"""Events: what became of jobs, as the service says it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from .connection import Connection, Query
from .decoding import decode
from .problems import Problem, UnexpectedAnswer, Unreachable

_STREAM = {"Accept": "text/event-stream"}


@dataclass(frozen=True, kw_only=True)
class EventEntry:
    """One entry of a posted job."""

    account: str
    amount: int
    """A credit is positive, a debit negative."""
    balance_after: int


@dataclass(frozen=True, kw_only=True)
class EventData:
    """A job and what became of it."""

    job: str
    client: str
    kind: str
    outcome: Literal["posted", "rejected", "dead", "cancelled", "scheduled"]
    account: str
    accepted_at: datetime
    reference: str | None = None
    reason: str | None = None
    cause: str | None = None
    amount: int | None = None
    currency: str | None = None
    entries: tuple[EventEntry, ...] | None = None
    """None: nothing was changed, or, of an event that comes again, it is not known any more."""
    again: bool = False
    """The event may have come before."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """An event: a CloudEvent. One that comes again has the same `source` and `id`."""

    id: str
    source: str
    type: str
    """Such as `tellers.job.posted`. A later release may have more."""
    data: EventData
    time: datetime | None = None
    """When it happened, by the database's clock."""
    cursor: str | None = None
    """Where the stream goes on behind it: keep it, and give it as `after`. Of a webhook's event, None."""


def follow(connection: Connection, query: Query, after: str | None) -> Iterator[Event]:
    """Yield events as they come, without end; a connection that is lost is opened again."""
    attempts = connection.attempts()
    while True:
        try:
            headers = {**_STREAM, **({} if after is None else {"Last-Event-ID": after})}
            with connection.stream("/api/events", query=query, headers=headers) as parts:
                for name, cursor, data in _messages(parts):
                    after = cursor or after
                    attempts = connection.attempts()
                    if name == "problem":
                        raise Problem.of(json.loads(data), request_id=None, retry_after=None)
                    if data:
                        yield _event(data, cursor)
        except Problem as error:
            if not connection.is_passing(error):
                raise
            attempts.pause(error)
        except Unreachable as error:
            attempts.pause(error)


def _event(data: str, cursor: str | None) -> Event:
    try:
        document: Any = json.loads(data)
    except ValueError as error:
        raise UnexpectedAnswer(f"an event came as {data!r:.80}, which is no JSON") from error
    if not isinstance(document, Mapping):
        raise UnexpectedAnswer(f"{data!r:.80} came in place of an event")
    return decode(Event, {**document, "cursor": cursor})


def _messages(parts: Iterator[bytes]) -> Iterator[tuple[str, str | None, str]]:
    """Yield name, id and data of each message (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    name: str = ""
    cursor: str | None = None
    data: list[str] = []
    for line in _lines(parts):
        if line == "":
            if data or cursor is not None:
                yield name, cursor, "\n".join(data)
            name, cursor, data = "", None, []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "id":
            cursor = value
        elif field == "data":
            data.append(value)


def _lines(parts: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r").decode()
