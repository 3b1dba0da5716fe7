"""What the rooms without models are told, by environment variables `NOOP_…`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class NoopSettings(BaseSettings):
    """How long the models that are not there take: they sleep, and cost no CPU."""

    model_config = SettingsConfigDict(env_prefix="NOOP_", frozen=True)

    encoder_ms: float = Field(0.0, ge=0)
    """Of one batch, of up to `ADJUDICATE_ENCODER__MAX_BATCH` ads."""
    judge_ms: float = Field(0.0, ge=0)
    """Of one ad; any number of them at a time."""


FLAGGED = "flagged"
"""An ad of this advertiser resembles a known violation and goes to the judge; no other does."""
