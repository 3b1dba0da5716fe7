"""What a reference keeps of its window, and how far another window is from it. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adjudicate.documents import Drift
from executors.library.quality.axes import Axes
from executors.library.quality.samples import Sample
from executors.library.thresholds import SIGNALS
from executors.shared.quality.psi import STEP, counts_in, critical, edges_of, psi, state_of

SKETCHES = ("embedding.image", "embedding.text")
FEATURES = (*SIGNALS, *SKETCHES)

_DECIMALS = round(-math.log10(STEP))
"""What lies beyond is noise: the same ad in another batch."""

Values = NDArray[np.float64]


def reference_content(samples: Sequence[Sample], least: int) -> dict[str, Any]:
    """What is kept of the reference: by feature, of which there are `least` ads, bins and counts.
    It can be written as JSON."""
    content: dict[str, Any] = {}
    for feature in FEATURES:
        values = values_of(samples, feature)
        if len(values) < least:
            continue
        axes = Axes.of(values) if feature in SKETCHES else None
        rows = axes.coordinates(values) if axes else values[np.newaxis]
        content[feature] = {
            "ads": len(values),
            "bins": [_binned(row) for row in rows],
            **({"axes": axes.content()} if axes else {}),
        }
    return content


def drifts(reference: Mapping[str, Any], samples: Sequence[Sample], least: int) -> list[Drift]:
    """Every feature that the reference or the samples have, held against the reference.

    Where either has fewer than `least` ads nothing is said but how many.
    """
    found = []
    for feature in FEATURES:
        values, known = values_of(samples, feature), reference.get(feature)
        if known is None and not len(values):
            continue
        drift = Drift(feature=feature, ads=len(values), reference_ads=known["ads"] if known else 0)
        if known is not None and len(values) >= least:
            _measure(drift, known, values)
        found.append(drift)
    return found


def values_of(samples: Sequence[Sample], feature: str) -> Values:
    """Of the ads that have the feature: `[N]` cosines, or `[N, K]` sketches."""
    if feature not in SKETCHES:
        cosines = (sample.cosines.get(feature) for sample in samples)  # type: ignore[call-overload]
        return np.array([cosine for cosine in cosines if cosine is not None], np.float64)
    name = "image_sketch" if feature == "embedding.image" else "text_sketch"
    sketches = [getattr(sample, name) for sample in samples]
    kept = [sketch for sketch in sketches if sketch is not None]
    return np.array(kept, np.float64)


def _measure(drift: Drift, known: Mapping[str, Any], values: Values) -> None:
    """Write the largest PSI of the feature's rows, and what it means."""
    rows = values[np.newaxis]
    if "axes" in known:
        axes = Axes.read(known["axes"])
        if values.shape[1] != len(axes.mean):
            return
        rows = axes.coordinates(values)
    bins = known["bins"]
    indexes = [
        psi(one["counts"], counts_in(row.round(_DECIMALS), np.asarray(one["edges"])))
        for one, row in zip(bins, rows, strict=True)
    ]
    widest = max(len(one["counts"]) for one in bins)
    drift.psi = max(indexes)
    drift.critical = critical(widest, drift.reference_ads, drift.ads, looks=len(bins))
    drift.state = state_of(drift.psi, drift.critical)


def _binned(values: Values) -> dict[str, list[Any]]:
    rounded = values.round(_DECIMALS)
    edges = edges_of(rounded)
    return {"edges": edges.tolist(), "counts": counts_in(rounded, edges).tolist()}
