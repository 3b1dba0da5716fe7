"""Sections of what people do: the queue that they work on, and whom it tells of."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from executors.shared.settings.section import Section, listed

_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64
"""Of a secret, as the Standard Webhooks specification has it."""


class QueueSettings(Section):
    """Cases that people decide. See docs/review-queue.md."""

    lease_s: int = Field(600, ge=30, le=86_400)
    """How long a case is one person's, who may renew it; then it is anybody's again."""
    undo_s: int = Field(900, ge=0)
    """How long a person may take an answer back; a lead may at any time."""
    second_review: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = ()
    """Rules whose violations and clearances take two people: codes, or patterns such as `CN-AL-*`;
    `*`: every case."""
    skips_to_lead: int = Field(3, ge=1)
    """People who skip a case before it is a lead's."""
    reject_share: float = Field(0.01, ge=0, le=1)
    """Of the rejected ads that people look at, so that it is known how many were right."""
    reject_seed: int = 0


def _sound_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value().removeprefix(_PREFIX)
    if not text:
        return SecretStr("")
    try:
        size = len(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise ValueError(
            f"must be {_PREFIX} and the base64 of {_LEAST_BYTES} to {_MOST_BYTES} bytes"
        )
    return secret


def _sound_url(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("must be an https or http URL")
    return url


Secret = Annotated[SecretStr, AfterValidator(_sound_secret)]


class WebhookSettings(Section):
    """Who is told what people settled. See docs/review-queue.md."""

    url: Annotated[str, AfterValidator(_sound_url)] = ""
    """Where messages are posted to. Empty: nobody is told."""
    secret: Secret = SecretStr("")
    """Signs each message: `whsec_` and base64, as Standard Webhooks has it."""
    previous_secret: Secret = SecretStr("")
    """Signs as well, while receivers change over to the other."""
    timeout_s: float = Field(10.0, gt=0, le=60)
    """For one attempt."""
    give_up_h: float = Field(72.0, gt=0, le=720)
    """Hours after which a message that nobody took is dead: listed, and not tried any more."""
    poll_s: float = Field(5.0, gt=0, le=300)
    """How often a ledger looks for messages that are due; its own new ones it sends at once."""

    @model_validator(mode="after")
    def _signed(self) -> WebhookSettings:
        if self.url and not self.secret.get_secret_value():
            raise ValueError("a webhook's messages are signed: set ADJUDICATE_WEBHOOK__SECRET too")
        return self
