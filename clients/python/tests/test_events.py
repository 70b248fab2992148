"""Events: what is read of a stream, and how it goes on."""

from __future__ import annotations

import itertools
import json
from typing import Any

import httpx
import pytest
from fakes import Script, problem

import tellers
from tellers import Client


def event(number: int, **data: Any) -> dict[str, Any]:
    about = {
        "job": str(number),
        "client": "acme",
        "kind": "deposit",
        "outcome": "posted",
        "account": "a",
        "accepted_at": "2026-11-30T08:03:29.7Z",
        **data,
    }
    return {
        "specversion": "1.0",
        "id": f"{number}.posted",
        "source": "/tellers/lanes/3",
        "type": "tellers.job.posted",
        "subject": str(number),
        "time": "2026-11-30T08:03:29.700001Z",
        "datacontenttype": "application/json",
        "data": about,
    }


def stream(*messages: str) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content="".join(messages).encode())


def message(cursor: str, document: dict[str, Any]) -> str:
    return f"id: {cursor}\nevent: {document['type']}\ndata: {json.dumps(document)}\n\n"


def test_a_stream_that_is_cut_off_goes_on_behind_its_last_event() -> None:
    script = Script(
        stream(message("1.1", event(1)), ": nothing\r\n\r\n", message("1.2", event(2)), "id: 4.0\n\n"),
        httpx.ReadError("cut off"),
        stream(message("5.1", event(3, entries=[{"account": "a", "amount": 5, "balance_after": 7}], again=True))),
    )
    with script.client() as client:
        events = list(itertools.islice(client.events(type="tellers.job.posted"), 3))
    assert [found.data.job for found in events] == ["1", "2", "3"]
    assert [found.cursor for found in events] == ["1.1", "1.2", "5.1"]
    assert events[2].data.entries == (tellers.EventEntry(account="a", amount=5, balance_after=7),)
    assert (events[0].data.again, events[2].data.again) == (False, True)
    assert events[0].time is not None
    assert events[0].time.microsecond == 700001
    sent = [request.headers.get("Last-Event-ID") for request in script.requests]
    assert sent == [None, "4.0", "4.0"], "an id without data moves on too"
    assert {request.headers["Accept"] for request in script.requests} == {"text/event-stream"}
    assert script.requests[2].url.params["type"] == "tellers.job.posted"


def test_events_that_are_gone_are_said_with_the_way_to_catch_up() -> None:
    with Script(problem(410, "events-gone")).client() as client, pytest.raises(tellers.Problem) as caught:
        next(client.events(after="1.1"))
    assert caught.value.status == 410


def test_events_come_from_a_fleet(client: Client) -> None:
    client.submit(tellers.OpenAccount(account="e:alice", currency="EUR", reference="e/open"), wait=20)
    sent = [
        client.submit(tellers.Deposit(account="e:alice", amount=number, currency="EUR", reference=f"e/{number}"))
        for number in range(1, 21)
    ]
    posted = client.events(after="0.0", account="e:alice", type="tellers.job.posted")
    seen: dict[str, tellers.Event] = {}
    for found in posted:
        seen.setdefault(found.id, found)
        if len(seen) == 1 + len(sent):
            break
    deposits = [found for found in seen.values() if found.data.kind == "deposit"]
    assert [found.data.job for found in deposits] == [job.id for job in sent], "in their order"
    last = deposits[-1]
    assert last.cursor is not None
    assert last.data.entries is not None
    (balance,) = [entry.balance_after for entry in last.data.entries if entry.account == "e:alice"]
    assert balance == sum(range(1, 21))
    # A client that comes again with the cursor of an event has what is behind it.
    behind = client.events(after=deposits[9].cursor, account="e:alice", type="tellers.job.posted")
    assert next(behind).data.reference == "e/11"
