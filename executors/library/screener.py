"""Cases against the index: searched together, judged one by one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
from docarray import DocList

from adjudicate.documents import Case, Match, Problem
from adjudicate.errors import Code
from executors.library.index import FollowingIndex, Hit, Snapshot, VectorIndex, Vectors
from executors.library.screening import SIGNALS, Likeness, as_match, in_audit_sample, screen
from executors.library.thresholds import Signal, Thresholds
from executors.shared.settings import LibrarySettings

logger = logging.getLogger(__name__)

Found = dict[Signal, list[Likeness]]
Search = Callable[[VectorIndex, Sequence[Vectors]], list[list[Hit]]]


class Screener:
    """Writes on cases what the library knows of them. Blocking: call it from a thread."""

    def __init__(
        self, index: FollowingIndex, thresholds: Thresholds, settings: LibrarySettings
    ) -> None:
        self._index = index
        self._thresholds = thresholds
        self._settings = settings

    def review(self, cases: Sequence[Case]) -> None:
        """Matches, `flagged`, `near_duplicate`, `audit` and reasons of each case."""
        snapshot = self._index.current()
        found = _search(snapshot, cases, lambda index, ads: index.search(ads))
        for case, likenesses in zip(cases, found, strict=True):
            try:
                self._screen(case, likenesses, stale=not _comparable(snapshot, case))
            except Exception:
                logger.exception("case %s could not be screened", case.id)
                case.problem = Problem(code=Code.INTERNAL, detail="the library failed on this ad")
        self._sign(snapshot, cases)

    def nearest(self, cases: Sequence[Case], limit: int) -> None:
        """The `limit` most similar exemplars of each case as its matches, flagging nothing."""
        snapshot = self._index.current()
        found = _search(snapshot, cases, lambda index, ads: index.nearest(ads, limit))
        for case, likenesses in zip(cases, found, strict=True):
            matches = [
                as_match(signal, likeness, self._thresholds)
                for signal in SIGNALS
                for likeness in likenesses[signal]
            ]
            matches.sort(key=lambda match: -match.similarity)
            case.matches = DocList[Match](matches[:limit])
        self._sign(snapshot, cases)

    def _screen(self, case: Case, found: Found, *, stale: bool) -> None:
        settings = self._settings
        screening = screen(found, case.phash, self._thresholds, settings)
        flagged, reasons = screening.flagged, list(screening.reasons)
        if stale:
            # Exemplars of another encoder cannot be searched: unseen is not the same as harmless.
            flagged = True
            reasons.append("library_stale")
        content = case.content_hash or case.id or ""
        audit = (
            not flagged
            and not screening.near_duplicate
            and in_audit_sample(content, settings.audit_seed, settings.audit_share)
        )
        if audit:
            reasons.append("audit_sample")
        case.matches = DocList[Match](screening.matches)
        case.near_duplicate = screening.near_duplicate
        case.flagged, case.audit, case.reasons = flagged or audit, audit, reasons

    def _sign(self, snapshot: Snapshot, cases: Sequence[Case]) -> None:
        for case in cases:
            case.versions["library"] = str(snapshot.version)
            case.versions["thresholds"] = self._thresholds.version


def _search(snapshot: Snapshot, cases: Sequence[Case], search: Search) -> list[Found]:
    """What each case resembles, per signal; one scan of the index for all cases."""
    found: list[Found] = [{signal: [] for signal in SIGNALS} for _ in cases]
    for signal in SIGNALS:
        ads = [
            (at, vectors)
            for at, case in enumerate(cases)
            if (vectors := _vectors(case, signal)) is not None and _comparable(snapshot, case)
        ]
        hits_of = search(snapshot.index(signal), [vectors for _, vectors in ads])
        for (at, _), hits in zip(ads, hits_of, strict=True):
            found[at][signal] = [Likeness(snapshot.entries[i], cosine) for i, cosine in hits]
    return found


def _vectors(case: Case, signal: Signal) -> Vectors | None:
    embedding = case.image_embedding if signal == "image" else case.text_embedding
    return None if embedding is None else np.atleast_2d(np.asarray(embedding, np.float32))


def _comparable(snapshot: Snapshot, case: Case) -> bool:
    vectors = next((v for signal in SIGNALS if (v := _vectors(case, signal)) is not None), None)
    dimension = 0 if vectors is None else vectors.shape[1]
    return snapshot.comparable(case.versions.get("encoder", ""), dimension)
