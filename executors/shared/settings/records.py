"""Sections of what is kept, and for how long."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from executors.shared.settings.section import Section

Keep = Literal["all", "reviewed", "none"]


class RetentionSettings(Section):
    """Days after its decision at which something is deleted; 0: never. See docs/records.md."""

    approved_pictures_days: float = Field(30.0, ge=0)
    """Pictures of approved ads."""
    pictures_days: float = Field(365.0, ge=0)
    """Pictures of the other ads."""
    copy_days: float = Field(365.0, ge=0)
    """Copy, advertiser and context, and what the decision quotes of them."""
    decisions_days: float = Field(0.0, ge=0)
    """Decisions with all that belongs to them. The audit trail is kept."""
    every_s: float = Field(3_600.0, ge=0)
    """How often the ledger looks for what is due; 0: never by itself."""
