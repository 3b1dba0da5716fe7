"""Cases against the library: searched together, judged one by one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from docarray import DocList

from adjudicate.documents import Case, Match, Problem
from adjudicate.errors import AdError, Code
from executors.library.checks import problem_of
from executors.library.index import FollowingIndex, Snapshot
from executors.library.likeness import at_thresholds, by_margin
from executors.library.matches import as_match
from executors.library.per_category import ReadEntries, write_best_per_category
from executors.library.screening import in_audit_sample, screen
from executors.library.searching import Found, Searcher
from executors.library.terms import Terms, TermsInForce
from executors.library.thresholds_in_force import InForce, ThresholdsInForce
from executors.shared.settings import LibrarySettings

logger = logging.getLogger(__name__)

STALE = (
    "The library is not yet embedded by this encoder: run `adjudicate library reembed` and retry."
)


class Screener:
    """Writes on cases what the library knows of them. Blocking: call it from a thread."""

    def __init__(
        self,
        index: FollowingIndex,
        in_force: ThresholdsInForce,
        terms: TermsInForce,
        settings: LibrarySettings,
    ) -> None:
        self._index = index
        self._in_force = in_force
        self._terms = terms
        self._settings = settings
        self._searcher = Searcher()

    def review(self, cases: Sequence[Case]) -> None:
        """Matches, `flagged`, `shadow_flagged`, `near_duplicate`, `audit` and reasons of each case.

        A case whose encoder has no complete index gets the problem LIBRARY_STALE instead.
        """
        terms = self._terms.current
        for snapshot, in_force, group in self._comparable(cases):
            found = self._searcher.alike(snapshot, group, in_force)
            for case, likenesses in zip(group, found, strict=True):
                try:
                    self._screen(case, likenesses, in_force, terms)
                except Exception:
                    logger.exception("case %s could not be screened", case.id)
                    detail = "the library failed on this ad"
                    case.problem = Problem(code=Code.INTERNAL, detail=detail)

    def nearest(self, cases: Sequence[Case], limit: int) -> None:
        """The `limit` exemplars of each case that are nearest to their thresholds, or furthest
        above them, as its matches; flagging nothing. LIBRARY_STALE as in `review`."""
        for snapshot, in_force, group in self._comparable(cases):
            found = self._searcher.nearest(snapshot, group, in_force, limit)
            for case, likenesses in zip(group, found, strict=True):
                ordered = by_margin(chain.from_iterable(likenesses.values()), in_force.active)
                case.matches = DocList[Match](
                    as_match(likeness, in_force.active) for likeness in ordered[:limit]
                )

    def best_per_category(self, cases: Sequence[Case], read: ReadEntries) -> None:
        """The most similar violation of each category in each signal as each case's matches,
        exactly, whatever the index; flagging nothing. LIBRARY_STALE as in `review`."""
        for snapshot, in_force, group in self._comparable(cases):
            write_best_per_category(snapshot, group, in_force.active, read)

    def to_wait_for(self, cases: Sequence[Case]) -> list[Case]:
        """The cases with LIBRARY_STALE whose encoder has embeddings of other exemplars: an encoder
        that nobody has embedded the library with will not have them soon."""
        filling = {one.encoder_version for one in self._index.loaded() if one.count}
        return [
            case
            for case in cases
            if case.problem is not None
            and case.problem.code == Code.LIBRARY_STALE
            and case.versions.get("encoder", "") in filling
        ]

    def _comparable(self, cases: Sequence[Case]) -> Iterator[tuple[Snapshot, InForce, list[Case]]]:
        """The cases of each encoder version with the exemplars that they can be held against."""
        by_encoder: dict[str, list[Case]] = {}
        for case in cases:
            by_encoder.setdefault(case.versions.get("encoder", ""), []).append(case)
        for encoder, group in by_encoder.items():
            snapshot, in_force = self._index.current(encoder), self._in_force.current(encoder)
            for case in group:
                self._sign(case, snapshot, in_force)
                case.problem = _incomparable(case, snapshot)
            yield snapshot, in_force, [case for case in group if case.problem is None]

    def _screen(self, case: Case, found: Found, in_force: InForce, words: Terms) -> None:
        settings = self._settings
        terms = words.find(case.text, case.market, case.product) if settings.terms else []
        rules = words.policy.rules
        active, shadow = in_force
        screening = screen(at_thresholds(found, active), terms, case.phash, active, settings, rules)
        content = case.content_hash or case.id or ""
        audit = (
            not screening.flagged
            and not screening.near_duplicate
            and in_audit_sample(content, settings.audit_seed, settings.audit_share)
        )
        case.matches = DocList[Match](screening.matches)
        case.near_duplicate = screening.near_duplicate
        case.flagged, case.audit = screening.flagged or audit, audit
        case.versions["policy"] = words.policy.version
        case.reasons = [*screening.reasons, *(["audit_sample"] if audit else [])]
        if shadow is not None:
            alike = at_thresholds(found, shadow)
            watched = screen(alike, terms, case.phash, shadow, settings, rules)
            case.shadow_flagged = watched.flagged

    def _sign(self, case: Case, snapshot: Snapshot, in_force: InForce) -> None:
        case.versions["library"] = str(snapshot.version)
        case.versions["thresholds"] = in_force.active.version
        if in_force.shadow is not None:
            case.versions["shadow_thresholds"] = in_force.shadow.version


def _incomparable(case: Case, snapshot: Snapshot) -> Problem | None:
    """Why a case cannot be held against the exemplars. Unseen is not the same as harmless."""
    if not snapshot.complete:
        return problem_of(AdError(Code.LIBRARY_STALE, STALE))
    embeddings = (case.image_embedding, case.text_embedding)
    dimensions = {np.shape(embedding)[-1] for embedding in embeddings if embedding is not None}
    if snapshot.dimension and dimensions - {snapshot.dimension}:
        detail = f"the exemplars of its encoder have {snapshot.dimension} dimensions"
        return problem_of(AdError(Code.INTERNAL, f"the ad cannot be screened: {detail}"))
    return None
