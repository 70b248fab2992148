"""What is sent again, when, and under which name."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import fakes
import httpx
import pytest
from fakes import Script, problem, queued

import tellers

DEPOSIT = tellers.Deposit(account="a", amount=1, currency="EUR")


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut off"),
        problem(429, "rate-limited"),
        problem(502),
        problem(503),
        problem(504),
    ],
)
def test_a_retry_is_the_same_job(failure: fakes.Answer, pauses: list[float]) -> None:
    script = Script(failure, failure, queued())
    assert script.client().submit(DEPOSIT).status == "queued"
    keys = {request.headers["Idempotency-Key"] for request in script.requests}
    assert len(script.requests) == 3
    assert len(keys) == 1
    assert len(pauses) == 2
    assert pauses[0] < pauses[1]


def test_a_job_is_known_by_its_reference_or_the_key_that_is_given() -> None:
    script = Script(queued(), queued(), queued(), queued())
    with script.client() as client:
        client.submit(tellers.Deposit(account="a", amount=1, currency="EUR", reference="r"))
        client.submit(DEPOSIT, idempotency_key="k")
        client.submit(DEPOSIT)
        client.submit(DEPOSIT)
    keys = [request.headers.get("Idempotency-Key") for request in script.requests]
    assert keys[:2] == [None, "k"]
    assert keys[2] != keys[3]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 415, 422, 500, 507])
def test_what_is_refused_for_good_is_not_sent_again(status: int, pauses: list[float]) -> None:
    script = Script(problem(status, "some"))
    with pytest.raises(tellers.Problem) as caught:
        script.client().submit(DEPOSIT)
    assert (caught.value.status, caught.value.type, caught.value.detail) == (status, "/problems/some", "not some")
    assert pauses == []


def test_the_service_says_how_long_to_pause(pauses: list[float]) -> None:
    soon = format_datetime(datetime.now(timezone.utc) + timedelta(seconds=9), usegmt=True)
    script = Script(problem(429, Retry_After="7"), problem(503, Retry_After=soon), queued())
    script.client(retry_for=20).submit(DEPOSIT)
    assert 7 <= pauses[0] < 8
    assert 7.5 < pauses[1] < 10


def test_a_pause_that_is_too_long_is_the_callers_to_make(pauses: list[float]) -> None:
    script = Script(problem(429, "rate-limited", Retry_After="120", X_Request_Id="abc"))
    with pytest.raises(tellers.TooMany, match="request abc") as caught:
        script.client().submit(DEPOSIT)
    assert caught.value.retry_after == 120
    assert caught.value.request_id == "abc"
    assert pauses == []


def test_retries_end_and_say_under_which_key_the_job_went() -> None:
    failure = httpx.ConnectError("refused")
    script = Script(*[failure] * 100)
    with pytest.raises(tellers.Unreachable, match=r"no answer from http://127\.0\.0\.1: refused") as caught:
        script.client(retry_for=0.5).submit(DEPOSIT)
    assert 1 < len(script.requests) < 20
    assert caught.value.idempotency_key == script.requests[0].headers["Idempotency-Key"]


def test_each_pause_is_logged_and_the_key_is_not(pauses: list[float], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client = Script(problem(503), queued()).client(key="tlr_client_secret")
        client.submit(DEPOSIT)
    assert "trying again in" in caplog.text
    assert "secret" not in caplog.text + repr(client)


def test_a_proxy_that_answers_is_a_problem_too() -> None:
    moved = httpx.Response(308, headers={"Location": "https://ledger.example/api/jobs"})
    with pytest.raises(tellers.Problem, match=r"leads to https://ledger\.example") as caught:
        Script(moved).client().submit(DEPOSIT)
    assert caught.value.type == "about:blank"
    with pytest.raises(tellers.Unavailable, match="502 about:blank: Bad Gateway"):
        Script(httpx.Response(502, text="Bad\n Gateway")).client(retry_for=0).submit(DEPOSIT)
    with pytest.raises(tellers.UnexpectedAnswer, match="no JSON"):
        Script(httpx.Response(200, text="<html>")).client().submit(DEPOSIT)
    with pytest.raises(tellers.UnexpectedAnswer, match="without id"):
        Script(httpx.Response(200, json={"status": "ok"})).client().submit(DEPOSIT)


def test_the_key_comes_from_the_argument_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLERS_API_KEY", "from-the-environment\n")
    script = Script(queued(), queued())
    script.client().submit(DEPOSIT)
    script.client(key="mine").submit(DEPOSIT)
    sent = [request.headers["Authorization"] for request in script.requests]
    assert sent == ["Bearer from-the-environment", "Bearer mine"]
    with pytest.raises(ValueError, match="API key") as caught:
        script.client(key="se\ncret")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["ledger.example", "ftp://ledger.example", "http://", "http://user:pw@ledger.example"])
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        tellers.Client(url)


def test_a_path_that_a_proxy_adds_goes_before_everything() -> None:
    page = {"account": "a", "entries": [], "next": "/api/accounts/a/entries?cursor=x%2B"}
    script = Script(httpx.Response(200, json=page), httpx.Response(200, json={**page, "next": None}))
    transport = httpx.MockTransport(script)
    assert list(tellers.Client("https://host.example/tellers/", transport=transport).entries("a")) == []
    assert [str(request.url) for request in script.requests] == [
        "https://host.example/tellers/api/accounts/a/entries",
        "https://host.example/tellers/api/accounts/a/entries?cursor=x%2B",
    ]


def test_a_wait_goes_on_until_the_outcome_or_the_time(pauses: list[float]) -> None:
    pending = httpx.Response(200, json={"id": "7", "status": "pending"})
    posted = httpx.Response(200, json={"id": "7", "status": "posted"})
    script = Script(pending, pending, posted)
    assert script.client().wait("7", timeout=100).is_posted
    assert script.requests[0].url.params["wait"] == "30"
    # The service answered at once, though it was asked to wait: it is not asked again at once.
    assert len(pauses) == 2
    with pytest.raises(tellers.WaitTimeout, match="7 is pending after 0 s"):
        Script(pending).client().wait("7", timeout=0)
