"""The client: one method for each thing that the service does."""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx

from . import files
from .answers import Import, Job, LineResult, Timeline
from .batches import body_of, submit_batch
from .connection import Connection, Query
from .decoding import decode
from .jobs import JobBody
from .problems import Unreachable, WaitTimeout
from .reading import Reading
from .sending import Submission, submit_all

DEFAULT_URL = "http://127.0.0.1:8080"
_WAIT_SECONDS_MAX = 30
"""Of one request; a proxy may cut off longer ones."""

C = TypeVar("C", bound="Client")


class Client(Reading):
    """A client of one fleet. Threads may share it; close it, or use it in a `with` statement.

    What fails on the way (no connection, a time-out, `429`, `502`, `503`, `504`) is tried again for `retry_for`
    seconds, under the same reference or key, after the pause that the service asks for. The logger
    `tellers` warns of each.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        key: str | None = None,
        ca: str | os.PathLike[str] | None = None,
        timeout: float = 30.0,
        retry_for: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Make a client; nothing is sent yet.

        Args:
            url: Where the ingress is, with the path that a proxy adds; `TELLERS_URL`, or else this machine, by default.
            key: The API key; `TELLERS_API_KEY` by default. A fleet on one machine may have none.
            ca: PEM file of authorities that are trusted beside the machine's own; `TELLERS_CA` by default.
            timeout: Seconds for a connection, and for each part of an answer.
            retry_for: Seconds after the first failure in which a request is tried again; 0: never.
            transport: Answers in place of the network, for tests.

        Raises:
            ValueError: The URL, key or file is none.

        """
        self._connection = Connection(
            url or os.environ.get("TELLERS_URL") or DEFAULT_URL,
            key=key or os.environ.get("TELLERS_API_KEY") or None,
            ca=ca or os.environ.get("TELLERS_CA") or None,
            timeout=timeout,
            retry_for=retry_for,
            transport=transport,
        )

    def __enter__(self: C) -> C:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"tellers.Client({self._connection.url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send any other request, such as `client.request("GET", "/api/keys")`, and return the JSON of its answer.

        It is tried again like all others: give what must happen once an `Idempotency-Key`.
        """
        sent: dict[str, str] = dict(headers or {})
        body = None
        if json is not None:
            sent.setdefault("Content-Type", "application/json")
            body = files.json_bytes(json)
        return self._connection.json(method, path, query=query, headers=sent, body=body)[0]

    def submit(self, job: JobBody, *, idempotency_key: str | None = None, wait: float | None = None) -> Job:
        """Submit a job. What comes back is on disk, and reaches an outcome.

        A job is known by its `reference`, or else by the key: yours, or one that is made here. Every retry of this call
        goes under it. To go on after this process was killed, give a reference or key that you kept.

        Args:
            job: What is to be done.
            idempotency_key: The name of a job without a reference: 1 to 255 printable characters.
            wait: Seconds for its outcome. Without one by then, its status is `queued`.

        Raises:
            Problem: The job was refused; `Conflict`: its reference or key belongs to another job.
            Unreachable: No answer came; whether it arrived is not known. `error.idempotency_key` is the key that it
                went under: submit it again with that.

        """
        body = body_of(job)
        key = None if job.reference is not None else (idempotency_key or uuid.uuid4().hex)
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            answer, _ = self._connection.json(
                "POST", "/api/jobs", query={"wait": _seconds(wait)}, headers=headers, body=body
            )
        except Unreachable as error:
            error.idempotency_key = key
            raise
        return decode(Job, answer)

    def submit_batch(
        self, jobs: Sequence[JobBody], *, wait: float | None = None, idempotency_key: str | None = None
    ) -> list[LineResult]:
        """Submit up to 10,000 jobs; each stands for itself, and has its result in their order.

        Jobs that draw on one account keep their order. What the service refuses as too much at once is sent again
        before anything behind it. A job without a reference gets one: the key and its number, such as `payroll-11/17`.

        Args:
            jobs: What is to be done.
            wait: Seconds for the outcomes.
            idempotency_key: Begins the references of jobs without one; by default, one that is made here.

        Raises:
            Problem, Unreachable: Nothing was accepted, or nothing is known. Once something was, the results say it.

        """
        return submit_batch(self._connection, jobs, _seconds(wait), idempotency_key)

    def submit_all(
        self,
        jobs: Iterable[JobBody],
        *,
        journal: str | os.PathLike[str],
        batch: int = 1000,
        progress: Callable[[Submission], None] | None = None,
    ) -> Submission:
        """Submit any number of jobs, each once, even if this process is killed in between.

        The journal is a file in which each job's reference stands before the job is sent. Call this again with the same
        jobs in the same order and the same journal, and it goes on where it was. A job that was refused is sent again
        by the next call, and may be another one by then. Go on with a key of the same client: a reference is one
        client's.

        Args:
            jobs: What is to be done, such as a generator that reads a file.
            journal: The file; made if it is not there. Keep it as long as the jobs may be given again.
            batch: Jobs of one request, and of one flush to disk.
            progress: Called after each batch.

        Raises:
            Problem, Unreachable: The service does not take them at the moment, or not with this key. Call again later.
            JournalMismatch: The journal is about other jobs or another fleet; nothing more was sent.

        """
        return submit_all(self._connection, jobs, journal, batch, progress)

    def job(self, id: str, *, wait: float | None = None, fresh: bool = False) -> Job:  # noqa: A002
        """Return a job as it is. `pending`: it has no outcome, and may be on its way or not known at all.

        Args:
            id: Of the job, as `submit` returned it.
            wait: Seconds for its outcome, 60 at the most.
            fresh: Read the primary database, where reads go to a replica.

        """
        query = {"wait": _seconds(wait), "fresh": fresh or None}
        return decode(Job, self._connection.json("GET", f"/api/jobs/{quote(id, safe='')}", query=query)[0])

    def wait(self, id: str, timeout: float = 60.0) -> Job:  # noqa: A002
        """Wait for a job's outcome.

        Raises:
            WaitTimeout: There is none within `timeout` seconds.

        """
        ends = time.monotonic() + timeout
        pause = 0.1
        while True:
            left = ends - time.monotonic()
            asked_at = time.monotonic()
            job = self.job(id, wait=min(max(left, 0.0), _WAIT_SECONDS_MAX))
            if job.has_outcome:
                return job
            left = ends - time.monotonic()
            if left <= 0:
                raise WaitTimeout(f"the job {id} is {job.status} after {timeout:g} s; ask for it again later")
            if time.monotonic() - asked_at < pause:
                # The service answers at once where too many wait.
                time.sleep(min(pause, left))
                pause = min(2 * pause, 1.0)

    def cancel(self, id: str, *, reason: str | None = None) -> Job:  # noqa: A002
        """Cancel a job that waits or is scheduled: it never posts, whether or not it was sent already.

        The same may be asked again.

        Args:
            id: Its id.
            reason: Why, in up to 140 characters.

        Raises:
            TooLate: It has its outcome already, and nothing was changed.

        """
        query = {"reason": reason}
        return decode(Job, self._connection.json("DELETE", f"/api/jobs/{quote(id, safe='')}", query=query)[0])

    def timeline(self, id: str, *, fresh: bool = False) -> Timeline:  # noqa: A002
        """Return what happened to a job, in the order of time."""
        path = f"/api/jobs/{quote(id, safe='')}/timeline"
        return decode(Timeline, self._connection.json("GET", path, query={"fresh": fresh or None})[0])

    def import_file(
        self,
        path: str | os.PathLike[str],
        *,
        format: Literal["csv", "ndjson", "pain.001"] | None = None,  # noqa: A002 - the service's word
        map: str | None = None,  # noqa: A002
        charset: str | None = None,
        dry_run: bool = False,
        name: str | None = None,
        timeout: float | None = None,
        progress: Callable[[Import], None] | None = None,
    ) -> Import:
        """Send a file of jobs, and follow it to its end. The same file again is the same jobs.

        Args:
            path: The file: CSV, NDJSON or pain.001, plain or gzip.
            format: What it is; detected by default.
            map: Which columns and constants make a job: see docs/formats/csv.md.
            charset: Such as `windows-1252`; detected by default.
            dry_run: Queue nothing, and list the rows that would be refused.
            name: What the file is called; its own name by default.
            timeout: Seconds until its end; 0 returns as soon as it is on disk. By default, as long as it takes.
            progress: Called with the import as it goes on.

        Raises:
            Problem, Unreachable: The file was not taken; send it again.
            WaitTimeout: It has not ended in time. It goes on: `wait_for_import` follows it.

        """
        file = Path(path)
        query = {
            "format": format,
            "map": map,
            "charset": charset,
            "dry_run": dry_run or None,
            "name": name or file.name,
        }
        headers = {"Content-Type": files.content_type(file, format)}
        answer, _ = self._connection.json(
            "POST", "/api/imports", query=query, headers=headers, body=lambda: file.open("rb")
        )
        sent = decode(Import, answer)
        return sent if timeout == 0 else self.wait_for_import(sent.id, timeout=timeout, progress=progress)

    def wait_for_import(
        self,
        number: int,
        *,
        timeout: float | None = None,
        progress: Callable[[Import], None] | None = None,
    ) -> Import:
        """Follow an import to its end.

        Raises:
            WaitTimeout: It has not ended within `timeout` seconds.

        """
        ends = math.inf if timeout is None else time.monotonic() + timeout
        pause = 0.05
        while True:
            found = self.get_import(number)
            if progress is not None:
                progress(found)
            if found.has_ended:
                return found
            left = ends - time.monotonic()
            if left <= 0:
                raise WaitTimeout(f"import {number} is {found.state} after {timeout:g} s; ask for it again later")
            time.sleep(min(pause, left))
            pause = min(2 * pause, 1.0)

    def cancel_import(self, number: int) -> Import:
        """Stop an import: what is queued stays queued, and the rest of the file is not read."""
        return decode(Import, self._connection.json("DELETE", f"/api/imports/{number}")[0])

    def pages(self, path: str, member: str, query: Query | None = None) -> Iterator[Any]:
        """Yield the elements of a list that has no method here, such as `client.pages("/api/audit", "events")`."""
        return self._pages(path, member, query or {})


def _seconds(wait: float | None) -> int | None:
    """Return whole seconds, as the service counts."""
    return None if wait is None else math.ceil(wait)
