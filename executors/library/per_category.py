"""How alike an ad is to each category, in each signal: what thresholds are calibrated on.

Exact, over the vectors themselves: an approximate index may miss, and a list of the nearest ends
before the categories do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from docarray import DocList
from numpy.typing import NDArray

from adjudicate.documents import Case, Match
from executors.library.index import Modality, Snapshot, Vectors
from executors.library.store import Entry
from executors.library.thresholds import Signal, Thresholds

BLOCK = 16_384
"""Exemplars scored at once: bounds the memory at 4·W·BLOCK bytes for W query vectors."""

MODALITIES: tuple[Modality, ...] = ("image", "text")

Best = dict[tuple[Signal, str], tuple[float, Entry]]
Block = tuple[Vectors, Sequence[Entry]]
"""`[B, D]` vectors, and the exemplar that each belongs to."""
ReadEntries = Callable[[str], Iterable[Entry]]
"""All exemplars with their vectors of an encoder version, from SQL."""

_ASKED: Mapping[Modality, Mapping[Signal, Modality]] = {
    "image": {"image": "image"},
    "text": {"text": "text", "image-text": "image"},
}
"""For the exemplars' modality the signals that compare with it, and what of the ad they compare."""


def write_best_per_category(
    snapshot: Snapshot, cases: Sequence[Case], thresholds: Thresholds, read: ReadEntries
) -> None:
    """As each case's matches: for every signal and category the most similar violation, at any
    similarity, with the threshold that counts for it now. Best first; flags nothing."""
    for case in cases:
        case.versions |= {"library": str(snapshot.version), "thresholds": thresholds.version}
    blocks = {modality: _blocks(snapshot, modality, read) for modality in MODALITIES}
    for case, best in zip(cases, best_per_category(blocks, cases), strict=True):
        matches = [
            Match(
                exemplar_id=entry.id,
                category=category,
                rule=entry.rule,
                similarity=min(cosine, 1.0),
                signal=signal,
                threshold=thresholds.shown(signal, category),
            )
            for (signal, category), (cosine, entry) in best.items()
        ]
        matches.sort(key=lambda match: -match.similarity)
        case.matches = DocList[Match](matches)


def best_per_category(
    blocks: Mapping[Modality, Iterable[Block]], cases: Sequence[Case]
) -> list[Best]:
    """For each case, by signal and category, the highest cosine with a violation, in float32, and
    the exemplar that has it."""
    found: list[Best] = [{} for _ in cases]
    queries = {
        "image": _queries(case.image_embedding for case in cases),
        "text": _queries(case.text_embedding for case in cases),
    }
    for modality, parts in blocks.items():
        for vectors, owners in parts:
            for category, rows in _by_category(owners).items():
                for signal, asked in _ASKED[modality].items():
                    best = _best(*queries[asked], vectors[rows])
                    for case, (cosine, row) in best.items():
                        known = found[case].get((signal, category), (-2.0,))[0]
                        if cosine > known:
                            found[case][signal, category] = cosine, owners[rows[row]]
    return found


def _best(
    queries: Vectors, case_of: NDArray[np.int64], vectors: Vectors
) -> dict[int, tuple[float, int]]:
    """Of each case that has a query its best cosine, and the row of the vector that has it."""
    if not len(queries) or queries.shape[1] != vectors.shape[1]:
        return {}
    cosines = queries @ vectors.T
    rows = cosines.argmax(axis=1)
    best: dict[int, tuple[float, int]] = {}
    for query, row in enumerate(rows):
        cosine, case = float(cosines[query, row]), int(case_of[query])
        if case not in best or cosine > best[case][0]:
            best[case] = cosine, int(row)
    return best


def _by_category(owners: Sequence[Entry]) -> dict[str, list[int]]:
    """Rows of violations that are in use, by their category."""
    rows: dict[str, list[int]] = {}
    for row, entry in enumerate(owners):
        if entry.enabled and entry.polarity == "violation":
            rows.setdefault(entry.category, []).append(row)
    return rows


def _blocks(snapshot: Snapshot, modality: Modality, read: ReadEntries) -> Iterator[Block]:
    """From the index where it holds the vectors, else, as with a search server, from SQL."""
    rows = getattr(snapshot.indexes[modality], "rows", None)
    if rows is None:
        return _of_sql(modality, read(snapshot.encoder_version))
    return _of_index(snapshot, rows)


def _of_index(snapshot: Snapshot, rows: Any) -> Iterator[Block]:
    for chunk in tuple(rows.chunks):
        places = chunk.places[: chunk.filled]
        seen = np.flatnonzero(places < len(snapshot.live))  # others came after the snapshot
        seen = seen[snapshot.live[places[seen]]]
        yield chunk.exact[seen], [snapshot.entries[int(place)] for place in places[seen]]


def _of_sql(modality: Modality, entries: Iterable[Entry]) -> Iterator[Block]:
    held = iter(entries)
    while block := list(islice(held, BLOCK)):
        parts = [
            (entry, np.atleast_2d(v)) for entry in block if (v := _of(entry, modality)) is not None
        ]
        if parts:
            owners = [entry for entry, vectors in parts for _ in vectors]
            yield np.concatenate([vectors for _, vectors in parts]), owners


def _of(entry: Entry, modality: Modality) -> Any:
    return entry.image if modality == "image" else entry.text


def _queries(embeddings: Iterable[Any]) -> tuple[Vectors, NDArray[np.int64]]:
    """All query vectors `[Q, D]`, and of each the case it belongs to."""
    parts: list[Vectors] = []
    owners: list[int] = []
    for case, embedding in enumerate(embeddings):
        if embedding is not None:
            part = np.atleast_2d(np.asarray(embedding, np.float32))
            parts.append(part)
            owners += [case] * len(part)
    stacked = np.concatenate(parts) if parts else np.zeros((0, 0), np.float32)
    return stacked, np.array(owners, np.int64)
