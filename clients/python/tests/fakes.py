"""A service that answers as a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from tellers import Client

Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Script:
    """Gives one answer after the other, and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def client(self, **settings: Any) -> Client:
        return Client("http://127.0.0.1", transport=httpx.MockTransport(self), **settings)


def queued(request: httpx.Request | None = None) -> httpx.Response:
    return httpx.Response(202, json={"id": "7", "status": "queued", "accepted_at": "2026-11-30T08:03:29.7Z", "lane": 3})


def problem(status: int, kind: str = "overloaded", **headers: str) -> httpx.Response:
    body = {"type": f"/problems/{kind}", "title": "No", "status": status, "detail": f"not {kind}"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(
        status, headers={"Content-Type": "application/problem+json", **named}, content=json.dumps(body)
    )


def lines(request: httpx.Request) -> list[dict[str, Any]]:
    return [json.loads(line) for line in request.content.splitlines()]


def batch(
    *results: str | dict[str, Any], status: int = 202, **headers: str
) -> Callable[[httpx.Request], httpx.Response]:
    """Answer a batch: `a` a line that is accepted, `r` one that is too much, `w` one that is wrong."""
    kinds = {
        "r": {"type": "/problems/rate-limited", "title": "Too many", "status": 429, "detail": "later"},
        "w": {"type": "/problems/invalid-job", "title": "Not a job", "status": 422, "detail": "wrong"},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        found = []
        for number, (kind, line) in enumerate(zip("".join(map(str, results)), lines(request), strict=True), 1):
            if kind == "a":
                found.append({"line": number, "id": f"id of {line['reference']}", "status": "queued"})
            else:
                found.append({"line": number, "status": "refused", "error": kinds[kind]})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(status, headers=named, json={"accepted": 0, "refused": 0, "results": found})

    return answer
