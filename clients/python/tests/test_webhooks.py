"""Webhooks: what is of the fleet is read, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from test_events import event

import tellers
from tellers import NotVerified, verify_webhook

# The vector of the reference libraries, such as libraries/python/tests/test_webhooks.py of standard-webhooks.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT = 1_614_265_330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def signed(document: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(document).encode()
    at = str(int(time.time()))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{document['id']}.{at}.".encode() + body, hashlib.sha256)
    signature = "v1," + base64.b64encode(digest).decode()
    return body, {"webhook-id": document["id"], "webhook-timestamp": at, "webhook-signature": signature}


def test_the_vector_of_the_specification_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: AT + 299.0)
    headers = {"Webhook-Id": ID, "Webhook-Timestamp": str(AT), "Webhook-Signature": SIGNATURE}
    # It is verified, and is no event.
    with pytest.raises(tellers.UnexpectedAnswer):
        verify_webhook(BODY, headers, SECRET)
    with pytest.raises(NotVerified, match="not of this body"):
        verify_webhook(BODY + b" ", headers, SECRET)
    for seconds in (-301, 301):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: AT + seconds)
        with pytest.raises(NotVerified, match="more than 300 s"):
            verify_webhook(BODY, headers, SECRET)


def test_an_event_is_read() -> None:
    body, headers = signed(event(7, reference="invoice/7"))
    read = verify_webhook(body, headers, SECRET)
    assert isinstance(read, tellers.Event)
    assert (read.id, read.data.reference, read.cursor) == ("7.posted", "invoice/7", None)


def test_one_of_two_signatures_is_enough() -> None:
    body, headers = signed(event(7))
    headers["webhook-signature"] = f"v1a,other v1,bm8= {headers['webhook-signature']}"
    assert isinstance(verify_webhook(body, headers, SECRET), tellers.Event)


def test_a_test_is_told_apart() -> None:
    document = {
        "id": "00.test",
        "source": "/tellers/webhooks/1f",
        "type": "tellers.webhook.test",
        "data": {"endpoint": "1f", "client": "acme"},
    }
    assert verify_webhook(*signed(document), SECRET) == tellers.WebhookTest(id="00.test", endpoint="1f")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook-signature", ""),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,\N{SNOWMAN}"),
        ("webhook-signature", "v2,bm8="),
        ("webhook-id", "8.posted"),
        ("webhook-timestamp", "now"),
        ("webhook-timestamp", "²"),
        ("webhook-timestamp", "-1"),
        ("webhook-timestamp", "9" * 400),
    ],
)
def test_what_is_not_signed_so_is_refused(name: str, value: str) -> None:
    body, headers = signed(event(7))
    with pytest.raises(NotVerified):
        verify_webhook(body, {**headers, name: value}, SECRET)
    del headers[name]
    with pytest.raises(NotVerified, match=name):
        verify_webhook(body, headers, SECRET)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_nonsense!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_what_is_no_secret_is_refused_before_anything_else(secret: str) -> None:
    body, headers = signed(event(7))
    with pytest.raises(ValueError, match="whsec_"):
        verify_webhook(body, headers, secret)
