"""The journal of `Client.submit_all`: what was sent, so that a run that was killed goes on.

A text file of JSON, one object a line:

    {"journal": 1, "url": "https://ledger.example", "key": "5f0c…"}      the head
    {"job": 1, "reference": "5f0c…/1", "digest": "9b74…"}               a job that may have been sent
    {"answered": [1], "ids": ["01a2…"], "refused": []}                  jobs that have their answer

Each line of a job is on disk before the job is sent. Of jobs without an answer it is not known whether they arrived;
they are sent again under their references, and take no second effect. A job that was refused is in no ledger: the next
run sends it again, as it is then.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from .answers import LineResult
from .batches import body_of
from .jobs import JobBody
from .problems import JournalMismatch, Problem

try:
    import fcntl
except ImportError:  # Windows has none: there, nothing keeps two runs apart but their references.
    fcntl = None  # type: ignore[assignment]

_DIGEST_BYTES = 16


class RefusedJob(NamedTuple):
    """A job that was refused: it is no job, or the key is not for it."""

    number: int
    """Its place among the jobs, from 1."""
    reference: str
    problem: Problem


class Journal:
    """An open journal. One process has it at a time."""

    def __init__(self, path: str | os.PathLike[str], url: str) -> None:
        self.path = Path(path)
        self.key = ""
        self.answered = 0
        """Jobs up to this number have their answer."""
        self.refused: dict[int, RefusedJob] = {}
        """By their numbers."""
        self._digests = bytearray()
        # Opened for appending, so that no line is ever written over another.
        self._file = self.path.open("a+b")
        try:
            self._lock()
            self._read()
            if not self.key:
                self._begin(url)
            elif self._url != url:
                raise JournalMismatch(
                    f"the journal {self.path} is about {self._url}, and this client goes to {url}. If that is the same "
                    "fleet, write its URL into the first line; else take another journal"
                )
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def noted(self) -> int:
        """The number of jobs in it."""
        return len(self._digests) // _DIGEST_BYTES

    def note(self, first: int, jobs: Sequence[JobBody]) -> None:
        """Write down jobs before they are sent; those that it has must be the same, unless they were refused.

        Raises:
            JournalMismatch: A job is not the one that the journal has under its number.

        """
        lines = []
        for number, job in enumerate(jobs, first):
            digest = hashlib.sha256(body_of(job)).digest()[:_DIGEST_BYTES]
            end = number * _DIGEST_BYTES
            known = self._digests[end - _DIGEST_BYTES : end]
            if known == digest:
                continue
            if known and number not in self.refused:
                raise JournalMismatch(
                    f"job {number} ({job.reference}) is not the one that the journal {self.path} has under this "
                    "number; give the same jobs in the same order, or take another journal"
                )
            lines.append({"job": number, "reference": job.reference, "digest": digest.hex()})
            self._digests[end - _DIGEST_BYTES : end] = digest
        if lines:
            self._write(lines)
            os.fsync(self._file.fileno())

    def answer(self, numbers: Sequence[int], results: Sequence[LineResult]) -> None:
        """Write down answers. If the line is lost, the jobs are sent again, and are the same."""
        refused = []
        for number, result in zip(numbers, results, strict=True):
            if isinstance(result.error, Problem):
                entry = {"job": number, "reference": result.job.reference, "problem": _document(result.error)}
                refused.append(entry)
        line = {"answered": list(numbers), "ids": [result.id for result in results], "refused": refused}
        self._write([line])
        self._take(line)

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalMismatch(f"another process has the journal {self.path}; wait until it has ended") from error

    def _begin(self, url: str) -> None:
        self.key, self._url = uuid.uuid4().hex, url
        self._write([{"journal": 1, "url": url, "key": self.key}])
        os.fsync(self._file.fileno())
        if hasattr(os, "O_DIRECTORY"):
            folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for count, line in enumerate(self._file, 1):
            if not line.endswith(b"\n"):
                # The process was killed while it wrote; what the line is about was not sent.
                self._file.truncate(whole)
                break
            whole += len(line)
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise JournalMismatch(f"{self.path} is no journal: line {count} is {line[:80]!r}") from error
        self._file.seek(0, os.SEEK_END)

    def _take(self, line: dict[str, Any]) -> None:
        if "job" in line:
            digest = bytes.fromhex(line["digest"])
            number = line["job"]
            if len(digest) != _DIGEST_BYTES or (number != self.noted + 1 and number not in self.refused):
                raise ValueError("out of order")
            end = number * _DIGEST_BYTES
            self._digests[end - _DIGEST_BYTES : end] = digest
        elif "answered" in line:
            for number in line["answered"]:
                self.refused.pop(number, None)
                self.answered = max(self.answered, number)
            for entry in line["refused"]:
                problem = Problem.of(entry["problem"])
                self.refused[entry["job"]] = RefusedJob(entry["job"], entry["reference"], problem)
        else:
            if line["journal"] != 1:
                raise ValueError("another form of journal")
            self.key, self._url = line["key"], line["url"]

    def _write(self, lines: Sequence[dict[str, Any]]) -> None:
        self._file.write(b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))
        self._file.flush()


def _document(problem: Problem) -> dict[str, object]:
    errors = [{"field": error.field, "value": error.value, "remedy": error.remedy} for error in problem.errors]
    document = {
        "type": problem.type,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
    }
    return {**document, "errors": errors}
