"""Requests and their answers: the key, TLS, time-outs, and what is sent again."""

from __future__ import annotations

import email.utils
import json
import logging
import os
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any, BinaryIO
from urllib.parse import urlsplit

import httpx

from .problems import PASSING_STATUSES, Problem, TellersError, UnexpectedAnswer, Unreachable

FIRST_PAUSE_SECONDS = 0.1
PAUSE_SECONDS_MAX = 5.0
_SHOWN_CHARACTERS = 200

Query = Mapping[str, str | int | float | bool | None]
Body = bytes | Callable[[], BinaryIO] | None
"""What is sent; a file is opened anew for each attempt."""

log = logging.getLogger("tellers")

try:
    _VERSION = version("tellers")
except PackageNotFoundError:  # Run from a folder of sources.
    _VERSION = "0"


class Attempts:
    """The pauses between attempts. They grow, and end `seconds` after the first failure."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: float | None = None
        self._longest = FIRST_PAUSE_SECONDS

    def pause(self, after: TellersError) -> None:
        """Wait until the next attempt: as long as the service says, else some while by chance.

        Raises:
            TellersError: `after`, if the next attempt would come too late.

        """
        now = time.monotonic()
        if self._ends is None:
            self._ends = now + self._seconds
        asked = after.retry_after if isinstance(after, Problem) else None
        # By chance, so that many clients that failed at once do not come back at once.
        pause = random.uniform(self._longest / 2, self._longest) + (asked or 0.0)  # noqa: S311
        if now + pause > self._ends:
            raise after
        log.warning("trying again in %.1f s: %s", pause, after)
        time.sleep(pause)
        self._longest = min(2 * self._longest, PAUSE_SECONDS_MAX)


class Connection:
    """Sends requests to one service, with one key. Threads may share it."""

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        ca: str | os.PathLike[str] | None,
        timeout: float,
        retry_for: float,
        transport: httpx.BaseTransport | None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url is {url!r}, and must be as https://ledger.example:8080")
        if parts.username or parts.password:
            raise ValueError("url has a user or password in it; give the API key as `key`")
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._retry_for = retry_for
        headers = {"User-Agent": f"tellers-python/{_VERSION}"}
        if key is not None:
            headers["Authorization"] = f"Bearer {_checked(key)}"
            if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
                log.warning("the API key goes to %s in the clear; use https://", self.url)
        verify: ssl.SSLContext | bool = _trust(ca) if parts.scheme == "https" else True
        self._http = httpx.Client(base_url=self.url, headers=headers, verify=verify, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def attempts(self) -> Attempts:
        """Pauses for something that is tried again."""
        return Attempts(self._retry_for)

    @staticmethod
    def is_passing(error: Problem | Unreachable) -> bool:
        """Whether another attempt may succeed."""
        return _is_passing(error)

    def json(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        also: tuple[int, ...] = (),
    ) -> tuple[Any, float | None]:
        """Send a request until it has an answer; return its JSON, and its `Retry-After` in seconds.

        Everything is sent again that may be: the same request, with the same reference or key, is the same job. `also`:
        statuses beside 2xx whose answer may be JSON.

        Raises:
            Problem: The service refused it.
            Unreachable: No answer came.
            UnexpectedAnswer: The answer is no JSON.

        """
        attempts = self.attempts()
        while True:
            try:
                with self._exchange(method, path, query, headers, body, also) as response:
                    self._read(response)
                    return self._json_of(response), _retry_after(response)
            except (Problem, Unreachable) as error:
                if not _is_passing(error):
                    raise
                attempts.pause(error)

    @contextmanager
    def stream(
        self, path: str, *, query: Query | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Iterator[bytes]]:
        """Open a long answer, and return its bytes as they come.

        Raises:
            Problem, Unreachable: It was refused, or was cut off, even while it is read.

        """
        attempts = self.attempts()
        while True:
            exchange = self._exchange("GET", path, query, headers, None, ())
            try:
                response = exchange.__enter__()
                break
            except (Problem, Unreachable) as error:
                if not _is_passing(error):
                    raise
                attempts.pause(error)
        try:
            yield self._bytes(response)
        finally:
            response.close()

    @contextmanager
    def _exchange(
        self,
        method: str,
        path: str,
        query: Query | None,
        headers: Mapping[str, str] | None,
        body: Body,
        also: tuple[int, ...],
    ) -> Iterator[httpx.Response]:
        """Send a request once, and raise what its answer says is wrong."""
        asked = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        # The service may take as long as it was asked to wait.
        wait = float(asked.get("wait", 0))
        timeout = httpx.Timeout(self._timeout, read=self._timeout + wait)
        content = body() if callable(body) else body
        try:
            request = self._http.build_request(
                method,
                path,
                params=asked or None,
                headers=dict(headers or {}),
                content=content,
                timeout=timeout,
            )
            try:
                response = self._http.send(request, stream=True)
            except httpx.TransportError as error:
                raise self._unreachable(error) from error
            try:
                is_json = "application/json" in response.headers.get("Content-Type", "")
                if not (response.is_success or (response.status_code in also and is_json)):
                    self._read(response)
                    raise _problem(response)
                yield response
            finally:
                response.close()
        finally:
            if content is not None and not isinstance(content, bytes):
                content.close()

    def _read(self, response: httpx.Response) -> None:
        try:
            response.read()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _bytes(self, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _json_of(self, response: httpx.Response) -> Any:
        try:
            return json.loads(response.content)
        except ValueError as error:
            shown = response.text[:_SHOWN_CHARACTERS]
            raise UnexpectedAnswer(f"{response.request.url} answered {shown!r}, which is no JSON") from error

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        if _tls_fault(error) is not None:
            remedy = "; give the authority of its certificate as `ca`, or the URL in its scheme (http or https)"
        else:
            remedy = ""
        return Unreachable(f"no answer from {self.url}: {error or type(error).__name__}{remedy}")


def _is_passing(error: Problem | Unreachable) -> bool:
    """Whether another attempt may succeed."""
    if isinstance(error, Problem):
        return error.status in PASSING_STATUSES
    cause = error.__cause__
    permanent = isinstance(cause, (httpx.LocalProtocolError, httpx.UnsupportedProtocol))
    return not permanent and _tls_fault(cause) is None


def _tls_fault(error: BaseException | None) -> ssl.SSLError | None:
    """Return what is wrong with a certificate or a scheme, and stays so."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
            return error
        error = error.__cause__ or error.__context__
    return None


def _problem(response: httpx.Response) -> Problem:
    document: object = None
    if "json" in response.headers.get("Content-Type", ""):
        try:
            document = json.loads(response.content)
        except ValueError:
            document = None
    if not isinstance(document, Mapping) or "type" not in document:
        # Not the service: a proxy before it.
        to = response.headers.get("Location")
        text = " ".join(response.text.split())[:_SHOWN_CHARACTERS]
        detail = f"{response.url} leads to {to}; give that as `url`" if response.is_redirect else text
        document = {"type": "about:blank", "title": response.reason_phrase, "detail": detail}
    return Problem.of(
        {**document, "status": response.status_code},
        request_id=response.headers.get("X-Request-Id"),
        retry_after=_retry_after(response),
    )


def _retry_after(response: httpx.Response) -> float | None:
    """Return seconds, of a number or a date (RFC 9110, section 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _checked(key: str) -> str:
    """Return the key without the line break that a file may have behind it. The key itself is never shown."""
    key = key.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ValueError("the API key is empty, or has a blank, a line break or another character that no key has")
    return key


def _trust(ca: str | os.PathLike[str] | None) -> ssl.SSLContext:
    """Trust the machine's authorities, and those of the file `ca`."""
    context = ssl.create_default_context()
    if ca is not None:
        try:
            context.load_verify_locations(cafile=ca)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"ca is {os.fspath(ca)!r}, and is no PEM file of certificates: {error}") from error
    return context
