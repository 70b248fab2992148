"""Fleets of the real binary: `tellers dev` in a folder of its own, on ports that the system chooses.

`TELLERS_BIN` names the binary.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tellers import Client

T = TypeVar("T")
WITHIN_SECONDS = 120
"""On two cores with a build beside it."""


class Fleet:
    """A fleet in one process."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        listen = {f"{role}_LISTEN": "127.0.0.1:0" for role in ("API", "WORKER", "MONITOR")}
        self.settings = {**listen, "DATA_DIR": str(folder / "data"), **settings}
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Fleet:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        log = self.folder / "log"
        said = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                [binary(), "dev"], stdout=file, stderr=file, env=self._environment(), cwd=self.folder
            )
        listening = until(lambda: re.search(r"role=api address=(\S+)( tls=true)?", log.read_text()[said:]))
        self.url = f"{'https' if listening[2] else 'http'}://{listening[1]}"
        # After a restart it is there again, at the same place.
        self.settings["API_LISTEN"] = listening[1]
        until(lambda: "the ingress listens" in log.read_text()[said:])

    def run(self, *arguments: str) -> str:
        """Run a command beside it, and return what it prints."""
        ran = subprocess.run(
            [binary(), *arguments],
            env=self._environment(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.settings}


def binary() -> str:
    found = os.environ.get("TELLERS_BIN")
    assert found, "set TELLERS_BIN to the binary `tellers`, such as target/release/tellers"
    return str(Path(found).resolve())


def until(condition: Callable[[], T | None]) -> T:
    """Wait until there is something, and return it."""
    ends = time.monotonic() + WITHIN_SECONDS
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < ends, "it did not come to that in time"
        time.sleep(0.01)


def has_entries(client: Client, account: str, entries: int) -> bool:
    return client.account(account).entries >= entries


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        yield fleet


@pytest.fixture
def client(fleet: Fleet) -> Iterator[Client]:
    with Client(fleet.url) as client:
        yield client


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made. They take no time, and the clock goes on by them."""
    made: list[float] = []
    started = time.monotonic()
    monkeypatch.setattr(time, "sleep", made.append)
    monkeypatch.setattr(time, "monotonic", lambda: started + sum(made))
    return made
