"""Verifies messages that a fleet has sent, and that none of them is taken once it was changed."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

with open(sys.argv[1], encoding="utf-8") as file:
    sent = json.load(file)
webhook = Webhook(sent["secret"])
for message in sent["messages"]:
    headers, body = message["headers"], message["body"]
    event = webhook.verify(body, headers)
    assert event["id"] == headers["webhook-id"], event
    changed = [
        (body.replace("posted", "rejected"), headers),
        (body, {**headers, "webhook-id": "another"}),
        (body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ]
    for other_body, other_headers in changed:
        try:
            webhook.verify(other_body, other_headers)
        except WebhookVerificationError:
            continue
        sys.exit(f"a message that was changed is taken: {other_headers} {other_body}")
print(f"{len(sent['messages'])} messages are verified")
