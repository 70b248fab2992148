"""Batches: results by line, and what was too much in order."""

from __future__ import annotations

import httpx
import pytest
from fakes import Script, batch, lines, problem

import tellers
from tellers import batches

pytestmark = pytest.mark.usefixtures("pauses")


def deposits(count: int) -> list[tellers.JobBody]:
    return [tellers.Deposit(account="a", amount=number, currency="EUR") for number in range(1, count + 1)]


def test_what_is_too_much_comes_again_in_order_and_under_its_name(pauses: list[float]) -> None:
    script = Script(batch("awrarr", Retry_After="3"), batch("rar", Retry_After="2"), batch("aa"))
    results = script.client().submit_batch(deposits(6), idempotency_key="k")
    sent = [[line["reference"] for line in lines(request)] for request in script.requests]
    assert sent == [[f"k/{number}" for number in range(1, 7)], ["k/3", "k/5", "k/6"], ["k/3", "k/6"]]
    assert [result.status for result in results] == ["queued", "refused", *["queued"] * 4]
    assert [result.line for result in results] == [1, 2, 3, 4, 5, 6]
    assert results[2].id == "id of k/3"
    assert isinstance(results[1].error, tellers.Invalid)
    assert [round(pause, 0) for pause in pauses] == [3, 2]


def test_an_answer_that_was_lost_names_the_same_jobs_again() -> None:
    script = Script(httpx.ReadTimeout("slow"), batch("aa"))
    same = tellers.Deposit(account="a", amount=1, currency="EUR")
    results = script.client().submit_batch([same, same])
    assert lines(script.requests[0]) == lines(script.requests[1])
    assert results[0].job.reference != results[1].job.reference


def test_a_batch_of_wrong_lines_alone_has_results_too() -> None:
    results = Script(batch("ww", status=422)).client().submit_batch(deposits(2))
    assert not any(result.is_accepted for result in results)


def test_what_was_accepted_stays_known_when_the_rest_is_not_taken() -> None:
    script = Script(batch("ar", Retry_After="1"), *[httpx.ConnectError("gone")] * 50)
    results = script.client(retry_for=1.2).submit_batch(deposits(2))
    assert results[0].is_accepted
    assert results[1].error is not None
    with pytest.raises(tellers.Unreachable):
        Script(httpx.ConnectError("gone")).client(retry_for=0).submit_batch(deposits(2))
    with pytest.raises(tellers.Unauthorized):
        Script(problem(401, "unauthorized")).client().submit_batch(deposits(2))


def test_a_batch_that_is_too_long_for_one_request_goes_in_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BYTES_MAX", 200)
    script = Script(batch("ar", Retry_After="1"), batch("aa"), batch("a"))
    results = script.client().submit_batch(deposits(4), idempotency_key="k")
    sent = [[line["reference"] for line in lines(request)] for request in script.requests]
    # What was too much goes before what is behind it.
    assert sent == [["k/1", "k/2"], ["k/2", "k/3"], ["k/4"]]
    assert all(result.is_accepted for result in results)


def test_limits_are_said_before_anything_is_sent() -> None:
    client = Script().client()
    with pytest.raises(ValueError, match="10000 jobs at the most"):
        client.submit_batch(deposits(1) * 10_001)
    with pytest.raises(ValueError, match="1 to 120 characters"):
        client.submit_batch(deposits(1), idempotency_key="k" * 121)
    with pytest.raises(TypeError, match="is no job"):
        client.submit({"kind": "deposit"})  # type: ignore[arg-type]
    assert client.submit_batch([]) == []
