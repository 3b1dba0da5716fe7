"""The library's canary: an exemplar is searched for by its own embedding, as an ad would be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import Case
from adjudicate.errors import Code, ServiceError
from executors.library.index import FollowingIndex, Snapshot
from executors.library.store import Entry, ExemplarStore
from executors.library.thresholds import Signal
from executors.shared.health.ad import COPY, canary_case
from executors.shared.health.canaries import CanaryFailed
from executors.shared.health.checks import NotReady, reason

ALIKE = 0.98
"""Cosine that a search for an exemplar's own embedding must reach at least."""

Screen = Callable[[Sequence[Case]], None]


def try_search(store: ExemplarStore, index: FollowingIndex, screen: Screen) -> None:
    """Screen one case, and find the exemplar that it is made of. Blocking.

    A library in which nothing is embedded yet has only its table to show. Raises `CanaryFailed`.
    """
    try:
        snapshot = _serving(index)
        if snapshot is None:
            store.version()
            return
        entry = store.any_embedded(snapshot.encoder_version)
        screen([case := _case(snapshot, entry)])
        if case.problem is not None:
            detail = f"{case.problem.code}: {case.problem.detail}"
            # A library that is not embedded by the encoder waits for a person, not for a restart.
            raise CanaryFailed(detail, outside=case.problem.code == Code.LIBRARY_STALE)
        if entry is not None:
            _find(snapshot, entry)
    except SQLAlchemyError as error:
        raise CanaryFailed(reason(error), outside=True) from None
    except ServiceError as error:
        raise CanaryFailed(error.detail, outside=True) from None  # the index's own server is down


def check_version(store: ExemplarStore, index: FollowingIndex) -> str:
    """Bring the index to the table's version, as an ad would. Raises `NotReady`."""
    try:
        snapshot = _serving(index)
        if snapshot is None:
            return f"version {store.version()}, nothing embedded"
    except SQLAlchemyError as error:
        raise NotReady(reason(error)) from None
    if not snapshot.complete:
        raise NotReady(f"{snapshot.missing} exemplars are not embedded by the encoder that serves")
    return f"version {snapshot.version}, {snapshot.count} exemplars"


def _serving(index: FollowingIndex) -> Snapshot | None:
    """Of the encoder whose ads came last, at the table's version now."""
    loaded = index.loaded()
    return index.current(loaded[-1].encoder_version) if loaded else None


def _case(snapshot: Snapshot, entry: Entry | None) -> Case:
    case = canary_case()
    case.image = None
    case.versions["encoder"] = snapshot.encoder_version
    if entry is not None and entry.image is not None:
        case.image_embedding, case.text = entry.image, ""
    elif entry is not None:
        case.text, case.text_embedding = COPY, entry.text
    else:
        case.text = COPY
        case.text_embedding = np.eye(1, snapshot.dimension or 1, dtype=np.float32)
    return case


def _find(snapshot: Snapshot, entry: Entry) -> None:
    signal: Signal = "image" if entry.image is not None else "text"
    vectors = entry.image if entry.image is not None else entry.text
    assert vectors is not None  # it is embedded
    (hits,) = snapshot.nearest(signal, [np.atleast_2d(vectors)], 1)
    best = max((hit.similarity for hit in hits), default=0.0)
    if not best >= ALIKE:
        raise CanaryFailed(f"the index does not find exemplar {entry.id}: best {best:.3f}")
