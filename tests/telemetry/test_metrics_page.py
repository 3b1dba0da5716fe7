"""docs/metrics.md is what the catalogue says."""

from __future__ import annotations

from executors.shared.settings import ROOT
from executors.shared.telemetry.metrics import every_instrument
from executors.shared.telemetry.page import SECTIONS, page


def test_the_page_is_the_catalogue() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == page(), (
        "run: python -m executors.shared.telemetry.page > docs/metrics.md"
    )


def test_every_instrument_stands_in_one_section() -> None:
    listed = [one.name for instruments in SECTIONS.values() for one in instruments]
    assert sorted(listed) == sorted(one.name for one in every_instrument())
