"""Files that are sent and saved."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_BY_SUFFIX = {
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".xml": "application/xml",
    ".gz": "application/gzip",
}
_BY_FORMAT = {"csv": "text/csv", "ndjson": "application/x-ndjson", "pain.001": "application/xml"}


def content_type(file: Path, form: str | None) -> str:
    """Return what a file is by its name, else by its format."""
    by_name = _BY_SUFFIX.get(file.suffix.lower())
    return by_name or _BY_FORMAT.get(form or "", "application/octet-stream")


def json_bytes(value: Any) -> bytes:
    """Return a value as it is sent."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def save(parts: Iterable[bytes], path: str | os.PathLike[str]) -> Path:
    """Write a file that is whole or not there: what is cut off on the way leaves nothing behind."""
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
