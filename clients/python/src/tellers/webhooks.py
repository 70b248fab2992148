"""Webhooks: whether what an endpoint was sent is of the fleet, as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .decoding import decode
from .events import Event
from .problems import NotVerified, UnexpectedAnswer

TOLERANCE = 300
"""Seconds that a message may be away from now, either way. Whoever has recorded one cannot send it again later."""

_PREFIX = "whsec_"
_VERSION = "v1"
_TEST = "tellers.webhook.test"
_SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, kw_only=True)
class WebhookTest:
    """What `tellers webhooks test` sends: nothing has happened."""

    id: str
    endpoint: str


def verify_webhook(body: bytes, headers: Mapping[str, str], secret: str) -> Event | WebhookTest:
    """Read the body of a webhook, once it is known to be of the fleet.

    Give the body as it came, not as it was parsed; the case of the headers' names does not matter. An event comes at
    least once: keep the `id` of those that you are done with.

    Raises:
        NotVerified: It is not signed with this secret, or more than five minutes old. Answer 400, and do nothing.
        ValueError: The secret is none.

    """
    key = _key(secret)
    given = {name.lower(): value for name, value in headers.items()}
    try:
        event, at, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as missing:
        raise NotVerified(f"there is no header {missing.args[0]}") from None
    if not _SECONDS.fullmatch(at) or abs(time.time() - int(at)) > TOLERANCE:
        raise NotVerified(f"webhook-timestamp is {at!r:.40}, more than {TOLERANCE} s from now")
    digest = hmac.digest(key, f"{event}.{at}.".encode() + body, hashlib.sha256)
    expected = f"{_VERSION},{base64.b64encode(digest).decode()}".encode()
    # Two of them while a secret is replaced.
    if not any(hmac.compare_digest(expected, one.encode()) for one in signatures.split()):
        raise NotVerified("webhook-signature is not of this body with this secret")
    return _read(body)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not key:
        raise ValueError("the secret of an endpoint is whsec_ and base64, as `tellers webhooks create` shows it once")
    return key


def _read(body: bytes) -> Event | WebhookTest:
    try:
        document: Any = json.loads(body)
    except ValueError as error:
        raise UnexpectedAnswer(f"a webhook came as {body!r:.80}, which is no JSON") from error
    if isinstance(document, Mapping) and document.get("type") == _TEST:
        return decode(WebhookTest, {**document.get("data", {}), "id": document.get("id")})
    return decode(Event, document)
