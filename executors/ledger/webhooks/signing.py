"""The headers of a message, as Standard Webhooks has them (standardwebhooks.com)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook

from executors.shared.settings import WebhookSettings


def secrets_of(settings: WebhookSettings) -> list[str]:
    """The secrets that sign, the one in force first."""
    both = (settings.secret.get_secret_value(), settings.previous_secret.get_secret_value())
    return [secret for secret in both if secret]


def signed_headers(
    secrets: Sequence[str], message_id: str, at: datetime, payload: str
) -> dict[str, str]:
    """Id, timestamp, and an HMAC-SHA256 by each secret over `id.timestamp.payload`.

    `at`: of this attempt, UTC; a receiver refuses what is older than it would believe.
    """
    signatures = [Webhook(secret).sign(message_id, at, payload) for secret in secrets]
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
