"""The library room's endpoint for what lies near an exemplar in the library itself."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from docarray import DocList
from jina import requests

from adjudicate.documents import Case, Lookup, Match, Problem
from adjudicate.errors import AdError, Code
from executors.library.checks import problem_of
from executors.library.embeddings import EmbeddingStore
from executors.library.exemplar_endpoints import ExemplarRoom
from executors.library.index import FollowingIndex
from executors.library.neighbours import almost_copies, held_vectors, neighbours
from executors.shared.parameters import truth, whole_number

MOST_NEAR = 50

logger = logging.getLogger(__name__)


class NeighbourRoom(ExemplarRoom):
    """A room that knows which of its exemplars are alike."""

    _index: FollowingIndex

    @requests(on="/library/near")
    async def near(
        self, docs: DocList[Lookup], parameters: dict | None = None, **kwargs: Any
    ) -> DocList[Case]:
        """For each exemplar's id a case with the exemplars that are like it as its matches, or
        with its problem. Nothing is encoded: they are compared as they are held.

        `parameters`: `limit` (8), of each signal; `copies` (false): only those that are almost
        copies.
        """
        ids = [lookup.id or "" for lookup in docs]
        said = parameters or {}
        try:
            limit = whole_number(said, "limit", 8, least=1, most=MOST_NEAR)
            copies = truth(said, "copies") or False
            found = await asyncio.to_thread(self._near, ids, limit)
        except AdError as error:
            return _all(ids, problem_of(error))
        except Exception:
            logger.exception("the exemplars cannot be compared")
            return _all(ids, Problem(code=Code.INTERNAL, detail="the library failed on this"))
        missing = Problem(code=Code.NOT_FOUND, detail="no exemplar has this id")
        return DocList[Case](
            Case(id=name, matches=DocList[Match](_kept(found[name], copies)))
            if name in found
            else Case(id=name, problem=missing)
            for name in ids
        )

    def _near(self, ids: Sequence[str], limit: int) -> dict[str, list[Match]]:
        loaded = self._index.loaded()
        versions = [loaded[-1].encoder_version] if loaded else []
        versions = versions or EmbeddingStore(self._store.engine).most_used(1)
        if not versions:
            return {name: [] for name in ids if self._store.get(name) is not None}
        snapshot = self._index.current(versions[0])
        held = held_vectors(self._store.engine, ids, snapshot.encoder_version)
        return neighbours(snapshot, held, limit, self.settings.library)


def _kept(matches: Sequence[Match], copies: bool) -> Sequence[Match]:
    return almost_copies(matches) if copies else matches


def _all(ids: Sequence[str], problem: Problem) -> DocList[Case]:
    return DocList[Case](Case(id=name, problem=problem) for name in ids)
