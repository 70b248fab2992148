"""Batches: each line stands for itself, and what was too much comes again in order."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .answers import AcceptedLine, LineResult
from .connection import Attempts, Connection
from .decoding import decode
from .jobs import JobBody
from .problems import Problem, TellersError, UnexpectedAnswer, Unreachable

JOBS_MAX = 10_000
"""The most jobs of one batch."""
_BYTES_MAX = 8 * 1024 * 1024
"""The bytes of one request: half of what the service takes."""
_KEY_CHARACTERS_MAX = 120
"""So that `key/10000` is a reference, which has 128 at the most."""


def with_references(jobs: Sequence[JobBody], key: str, first: int = 1) -> list[JobBody]:
    """Give each job without a reference one: the key and its number.

    A retry with some of the lines then names the same jobs, however many lines say the same.
    """
    numbered = enumerate(jobs, first)
    return [job if job.reference is not None else replace(job, reference=f"{key}/{number}") for number, job in numbered]


def submit_batch(
    connection: Connection, jobs: Sequence[JobBody], wait: float | None, key: str | None
) -> list[LineResult]:
    """See `Client.submit_batch`."""
    if len(jobs) > JOBS_MAX:
        raise ValueError(f"a batch has {JOBS_MAX} jobs at the most, and this one has {len(jobs)}; use submit_all")
    if key is not None and not 1 <= len(key) <= _KEY_CHARACTERS_MAX:
        raise ValueError(f"the idempotency_key of a batch has 1 to {_KEY_CHARACTERS_MAX} characters, not {len(key)}")
    batch = _Batch(connection, with_references(jobs, key or uuid.uuid4().hex), wait)
    batch.submit()
    return batch.results


class _Batch:
    def __init__(self, connection: Connection, jobs: list[JobBody], wait: float | None) -> None:
        self._connection = connection
        self._jobs = jobs
        self._bodies = [body_of(job) for job in jobs]
        self._wait = wait
        self._settled: dict[int, LineResult] = {}

    @property
    def results(self) -> list[LineResult]:
        """What became of each line, in order."""
        return [self._settled[place] for place in range(len(self._jobs))]

    def submit(self) -> None:
        """Send lines until each is accepted or refused for good, or the time for retries is over.

        What was refused as too much is sent again before anything behind it, so that the jobs of an account keep
        their order.
        """
        attempts = self._connection.attempts()
        waiting = list(range(len(self._jobs)))
        while waiting:
            try:
                sent = self._first(waiting)
                too_much, after = self._send(sent)
                waiting = too_much + waiting[len(sent) :]
                if after is not None:
                    attempts = self._pause(attempts, after, was_useful=len(too_much) < len(sent))
            except (Problem, Unreachable) as error:
                if not self._settled:
                    raise
                # What was accepted stays known to the caller.
                self._settled.update((place, self._refused(place, error)) for place in waiting)
                return

    def _pause(self, attempts: Attempts, after: Problem, *, was_useful: bool) -> Attempts:
        if was_useful:
            attempts = self._connection.attempts()
        attempts.pause(after)
        return attempts

    def _first(self, places: list[int]) -> list[int]:
        """Return as many of them as one request takes, at least one."""
        total = 0
        for count, place in enumerate(places):
            total += len(self._bodies[place]) + 1
            if total > _BYTES_MAX and count > 0:
                return places[:count]
        return places

    def _send(self, places: list[int]) -> tuple[list[int], Problem | None]:
        """Send lines once they are taken; return those that were too much, and why."""
        answer, pause = self._connection.json(
            "POST",
            "/api/jobs/batch",
            query={"wait": self._wait},
            headers={"Content-Type": "application/x-ndjson"},
            body=b"\n".join(self._bodies[place] for place in places),
            also=(422,),  # Every line is wrong.
        )
        lines = answer.get("results") if isinstance(answer, Mapping) else None
        if not isinstance(lines, list) or len(lines) != len(places):
            raise UnexpectedAnswer(f"a batch of {len(places)} lines was answered {answer!r:.200}")
        too_much, first = [], None
        for place, line in zip(places, lines, strict=True):
            error = line.get("error")
            problem = Problem.of(error, retry_after=pause) if isinstance(error, Mapping) else None
            if problem is not None and problem.is_passing:
                too_much.append(place)
                first = first or problem
            elif problem is not None:
                self._settled[place] = self._refused(place, problem)
            else:
                self._settled[place] = self._accepted(place, line)
        return too_much, first

    def _refused(self, place: int, error: TellersError) -> LineResult:
        return LineResult(line=place + 1, job=self._jobs[place], status="refused", error=error)

    def _accepted(self, place: int, line: Mapping[str, object]) -> LineResult:
        read = decode(AcceptedLine, line)
        return LineResult(
            line=place + 1,
            job=self._jobs[place],
            id=read.id,
            status=read.status,
            reason=read.reason,
            came_before=read.came_before,
        )


def body_of(job: JobBody) -> bytes:
    """Return a job as it is sent."""
    if not isinstance(job, JobBody):
        raise TypeError(f"{job!r:.80} is no job; make one with tellers.Transfer(…) or tellers.parse_job(…)")
    return json.dumps(job.to_json(), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
