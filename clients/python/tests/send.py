"""Submits 10,000 deposits with a journal, and is killed meanwhile: see `test_journal.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import tellers

JOBS = 10_000
ACCOUNTS = 10


def jobs() -> Iterator[tellers.JobBody]:
    """Each has an amount of its own, and most have no name."""
    for number in range(1, JOBS + 1):
        account = f"kill:{number % ACCOUNTS}"
        reference = f"own-{number}" if number % 3 == 0 else None
        yield tellers.Deposit(account=account, amount=number, currency="EUR", reference=reference)


if __name__ == "__main__":
    with tellers.Client(sys.argv[1]) as client:
        done = client.submit_all(jobs(), journal=sys.argv[2], batch=100)
    print(done.accepted, len(done.refused))
