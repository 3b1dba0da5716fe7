"""The library room's endpoint for what lies near an exemplar in the library itself."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
from collections.abc import Sequence
from typing import Any

from docarray import DocList
from jina import requests

from adjudicate.documents import Case, Lookup, Match, Problem
from adjudicate.errors import Code
from executors.library.embeddings import EmbeddingStore
from executors.library.exemplar_endpoints import ExemplarRoom, answered
from executors.library.index import FollowingIndex
from executors.library.neighbours import almost_copies, held_vectors, neighbours
from executors.shared.parameters import truth, whole_number

MOST_NEAR = 50


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
        missing = Problem(code=Code.NOT_FOUND, detail="no exemplar has this id")

        def work() -> list[Case]:
            limit = whole_number(said, "limit", 8, least=1, most=MOST_NEAR)
            copies = truth(said, "copies") or False
            found = self._near(ids, limit)
            return [
                Case(id=name, matches=DocList[Match](_kept(found[name], copies)))
                if name in found
                else Case(id=name, problem=missing)
                for name in ids
            ]

        return await answered(Case, docs, work)

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
