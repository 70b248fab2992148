"""Any number of jobs, each once, through kills of this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from .batches import JOBS_MAX, submit_batch, with_references
from .connection import Connection
from .jobs import JobBody
from .journal import Journal, RefusedJob
from .problems import JournalMismatch, Problem, TellersError


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What became of all jobs that were given to `Client.submit_all`."""

    jobs: int
    """How many have their answer so far."""
    refused: tuple[RefusedJob, ...]
    """Those that are no jobs, or that the key is not for. Mend them or the key, and call `submit_all` again."""

    @property
    def accepted(self) -> int:
        """How many are on disk and reach an outcome."""
        return self.jobs - len(self.refused)


def submit_all(
    connection: Connection,
    jobs: Iterable[JobBody],
    journal: str | os.PathLike[str],
    batch: int,
    progress: Callable[[Submission], None] | None,
) -> Submission:
    """See `Client.submit_all`."""
    if not 1 <= batch <= JOBS_MAX:
        raise ValueError(f"batch is {batch}, and must be from 1 to {JOBS_MAX} jobs")
    with Journal(journal, connection.url) as book:
        came = 0
        for first, group in _groups(jobs, batch):
            named = with_references(group, book.key, first)
            book.note(first, named)
            came = first + len(group) - 1
            left = {
                number: job
                for number, job in enumerate(named, first)
                if number > book.answered or number in book.refused
            }
            if not left:
                continue
            results = submit_batch(connection, list(left.values()), None, None)
            for result in results:
                if result.error is not None and not _is_refused(result.error):
                    # Neither accepted nor refused. The next run sends all of these again, as the same jobs.
                    raise result.error
            book.answer(list(left), results)
            if progress is not None:
                progress(_so_far(book))
        if came < book.noted:
            raise JournalMismatch(
                f"the journal {book.path} has {book.noted} jobs, and only {came} came; give it the same jobs again, "
                "and new ones behind them"
            )
        return _so_far(book)


def _is_refused(error: TellersError) -> bool:
    """Whether the job is in no ledger, and will not be."""
    return isinstance(error, Problem) and not error.is_passing


def _so_far(book: Journal) -> Submission:
    return Submission(jobs=book.answered, refused=tuple(refused for _, refused in sorted(book.refused.items())))


def _groups(jobs: Iterable[JobBody], size: int) -> Iterator[tuple[int, list[JobBody]]]:
    """Yield the jobs in groups, each with the number of its first one."""
    source, first = iter(jobs), 1
    while group := list(islice(source, size)):
        yield first, group
        first += len(group)
