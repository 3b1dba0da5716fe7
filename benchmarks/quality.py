"""What the shipped models know: screen and judge on held-out renders."""

from __future__ import annotations

from benchmarks.judge_quality import judge_quality
from benchmarks.rows import Row
from benchmarks.screen_quality import screen_quality
from executors.shared.settings import ROOT


def run() -> list[Row]:
    """Other seeds than training's, one font per script and one layout never trained on."""
    return [*screen_quality(ROOT / "models" / "clip"), *judge_quality(ROOT / "models" / "judge")]
