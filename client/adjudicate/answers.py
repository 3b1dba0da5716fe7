"""What the client answers to `embed` and `search`: one per ad, in the order of the ads."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adjudicate.documents import Match, Problem


@dataclass(frozen=True, eq=False)
class Embedding:
    """The CLIP embeddings of one ad: `[D] float32`, unit norm; None for what the ad lacks."""

    ad_id: str
    image: NDArray[np.float32] | None = None
    text: NDArray[np.float32] | None = None
    problem: Problem | None = None


@dataclass(frozen=True)
class SearchResult:
    """The exemplars that one ad resembles, best first, whether or not they reach a threshold."""

    ad_id: str
    matches: list[Match] = field(default_factory=list)
    problem: Problem | None = None
    versions: dict[str, str] = field(default_factory=dict)
    """Of the encoder, the library and the thresholds."""
