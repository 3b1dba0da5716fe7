"""From screened ads to samples: drawn while they pass, measured later, in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from adjudicate.documents import Case
from executors.library.index import Mask, Snapshot, Vectors
from executors.library.index.snapshot import MODALITY
from executors.library.quality.projection import sketch_of
from executors.library.quality.reservoir import Reservoir
from executors.library.quality.samples import Sample
from executors.library.thresholds import SIGNALS, Signal
from executors.shared.telemetry.catalogue import SIMILARITY

MOST_WINDOWS = 16
"""Windows of a long copy that are kept: they bound what a sample takes in memory."""

MOST_CATEGORIES = 32
"""Categories that samples are measured against one by one: each takes a search of its own."""


@dataclass(frozen=True)
class Drawn:
    """An ad of the sample, before it is measured."""

    at: str
    encoder_version: str
    image: NDArray[np.float32] | None
    """`[D]`."""
    text: NDArray[np.float32] | None
    """`[W, D]`."""

    @classmethod
    def of(cls, case: Case) -> Drawn:
        """Copies of the embeddings, which the case loses."""
        return cls(
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            case.versions.get("encoder", ""),
            _copied(case.image_embedding),
            _windows(case.text_embedding),
        )


class Sampler:
    """Draws from the ads that pass, and measures what was drawn against the library."""

    def __init__(self, per_minute: int, snapshot_of: Callable[[str], Snapshot]) -> None:
        """`snapshot_of` gives the library as it is, for an encoder version."""
        self._reservoir: Reservoir[Drawn] = Reservoir(per_minute)
        self._snapshot_of = snapshot_of

    def offer(self, cases: Iterable[Case]) -> None:
        """Ads that were screened, with their embeddings. Costs next to nothing for one that is not
        drawn."""
        for case in cases:
            if case.problem is None and _embedded(case):
                self._reservoir.offer(lambda case=case: Drawn.of(case))  # type: ignore[misc]

    def measured(self) -> list[Sample]:
        """What was drawn since the last time, each with its highest similarity to a violation in
        each signal. Blocking; raises what the index raises, and what was drawn is lost then."""
        drawn = self._reservoir.take()
        samples: list[Sample] = []
        for encoder in dict.fromkeys(one.encoder_version for one in drawn):
            group = [one for one in drawn if one.encoder_version == encoder]
            samples += _measured(group, self._snapshot_of(encoder))
        for sample in samples:
            for signal, cosine in sample.cosines.items():
                SIMILARITY.record(cosine, {"signal": signal})
        return samples


def _measured(drawn: Sequence[Drawn], snapshot: Snapshot) -> list[Sample]:
    violations = snapshot.live & np.fromiter(
        (entry.polarity == "violation" for entry in snapshot.entries), np.bool_, len(snapshot.live)
    )
    cosines: list[dict[Signal, float]] = [{} for _ in drawn]
    for signal in SIGNALS if violations.any() else ():
        for at, cosine in _highest(drawn, signal, snapshot, violations):
            cosines[at][signal] = cosine
    categories = _categories(drawn, snapshot, violations)
    return [
        Sample(
            one.at,
            one.encoder_version,
            snapshot.version,
            found,
            None if one.image is None else sketch_of(one.image),
            None if one.text is None else sketch_of(one.text),
            None if categories is None else categories[at],
        )
        for at, (one, found) in enumerate(zip(drawn, cosines, strict=True))
    ]


def _categories(
    drawn: Sequence[Drawn], snapshot: Snapshot, violations: Mask
) -> list[dict[Signal, dict[str, float]]] | None:
    """Of each ad by signal and category the highest cosine; None for too many categories."""
    held = np.unique(snapshot.category_of[violations]) if violations.any() else ()
    if len(held) > MOST_CATEGORIES:
        return None
    found: list[dict[Signal, dict[str, float]]] = [{} for _ in drawn]
    for category in held:
        mask = violations & (snapshot.category_of == category)
        name = snapshot.categories[int(category)]
        for signal in SIGNALS:
            for at, cosine in _highest(drawn, signal, snapshot, mask):
                found[at].setdefault(signal, {})[name] = round(cosine, 4)
    return found


def _highest(
    drawn: Sequence[Drawn], signal: Signal, snapshot: Snapshot, violations: Mask
) -> list[tuple[int, float]]:
    """(place among the drawn, highest cosine) of those that can be compared in this signal."""
    asked: list[tuple[int, Vectors]] = []
    for at, one in enumerate(drawn):
        vectors = one.text if signal == "text" else one.image
        if vectors is not None and vectors.shape[-1] == snapshot.dimension:
            asked.append((at, np.atleast_2d(vectors)))
    if not asked:
        return []
    index = snapshot.indexes[MODALITY[signal]]
    hits = index.nearest([vectors for _, vectors in asked], 1, violations)
    return [
        (at, min(found[0].similarity, 1.0))
        for (at, _), found in zip(asked, hits, strict=True)
        if found
    ]


def _embedded(case: Case) -> bool:
    return case.image_embedding is not None or case.text_embedding is not None


def _copied(embedding: object) -> NDArray[np.float32] | None:
    return None if embedding is None else np.array(embedding, np.float32)


def _windows(embedding: object) -> NDArray[np.float32] | None:
    if embedding is None:
        return None
    return np.array(np.atleast_2d(np.asarray(embedding, np.float32))[:MOST_WINDOWS])
