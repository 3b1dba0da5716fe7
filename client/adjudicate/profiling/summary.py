"""The times of many ads in one row per stage and part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adjudicate.profiling.collect import Profile
from adjudicate.profiling.stages import PARTS

SHOWN_FROM = 0.0005
"""Milliseconds of mean below which a part is left out of table and picture."""


@dataclass(frozen=True)
class Line:
    """Milliseconds of one stage, or of one part of it, over all ads."""

    stage: str
    part: str
    """Empty for the stage as a whole."""
    what: str
    mean: float
    p50: float
    p95: float
    share: float
    """Of the mean of the whole, 0 to 1."""


def lines(profile: Profile) -> list[Line]:
    """The stages in the order of a request's way, each followed by its parts; the total last.

    A stage of one part has no line for it.
    """
    totals = [split.total for split in profile.splits]
    whole = float(np.mean(totals))
    found: list[Line] = []
    for stage, parts in PARTS.items():
        of_stage = [split.stage(stage) for split in profile.splits]
        only = next(iter(parts.values())) if len(parts) == 1 else ""
        found.append(_line(stage, "", only, of_stage, whole))
        if len(parts) == 1:
            continue
        for part, what in parts.items():
            line = _line(stage, part, what, [split.parts[part] for split in profile.splits], whole)
            if line.mean >= SHOWN_FROM:
                found.append(line)
    return [*found, _line("total", "", "as the client waits", totals, whole)]


def as_json(profile: Profile) -> dict[str, Any]:
    """The profile as plain data; all times in milliseconds."""
    return {
        "ads": len(profile.splits),
        "request_size": profile.request_size,
        "concurrency": profile.concurrency,
        "ads_per_second": round(profile.rate, 2),
        "outcomes": dict(profile.outcomes),
        "judged": profile.judged,
        "cached": profile.cached,
        "stages": [
            {
                "stage": line.stage,
                **({"part": line.part} if line.part else {}),
                **({"what": line.what} if line.what else {}),
                "mean_ms": round(line.mean, 3),
                "p50_ms": round(line.p50, 3),
                "p95_ms": round(line.p95, 3),
                "share": round(line.share, 4),
            }
            for line in lines(profile)
        ],
    }


def headline(profile: Profile) -> str:
    """`100 ads, 1 a request, 4 at a time: 57.1 ads/s; 12 judged, 3 of them from its cache`."""
    said = (
        f"{len(profile.splits):,} ads, {profile.request_size} a request, "
        f"{profile.concurrency} at a time: {profile.rate:.1f} ads/s; {profile.judged} judged"
    )
    said += f", {profile.cached} of them from the judge's cache" if profile.cached else ""
    errors = profile.outcomes["error"]
    return said + (f"; {errors} with outcome error" if errors else "")


def _line(stage: str, part: str, what: str, values: Sequence[float], whole: float) -> Line:
    mean = float(np.mean(values))
    p50, p95 = np.percentile(values, (50, 95))
    return Line(stage, part, what, mean, float(p50), float(p95), mean / whole if whole else 0.0)
