"""Every example of the README runs, in order, and prints what it says: a comment behind `print` or below the block."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Fleet

import tellers

README = Path(__file__).parents[1] / "README.md"


def examples() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def promised(example: str) -> list[str]:
    """What an example says that it prints."""
    behind = r"^.*print\(.*\) *# (?P<a>.*)$"
    below = r"^# (?P<b>.*)$"
    return [found["a"] or found["b"] for found in re.finditer(f"{behind}|{below}", example, re.MULTILINE)]


def test_the_examples_run_and_print_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with Fleet(tmp_path) as fleet:
        monkeypatch.setenv("TELLERS_URL", fleet.url)
        for example in examples():
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(compile(example, str(README), "exec"), names)
            assert said.getvalue().splitlines() == promised(example), example
        client = names["client"]
        assert isinstance(client, tellers.Client)
        client.close()
    assert len(examples()) > 8
    assert (tmp_path / "refused.csv").exists()


def test_every_name_of_the_readme_is_there() -> None:
    named = set(re.findall(r"\btellers\.([A-Z]\w+)", README.read_text()))
    assert named
    assert named <= set(tellers.__all__)
    kinds = re.search(r"The kinds are (.*?)\.", README.read_text(), re.DOTALL)
    assert kinds is not None
    assert set(re.findall(r"`(\w+)`", kinds[1])) == {kind.__name__ for kind in tellers.jobs.KINDS.values()}
