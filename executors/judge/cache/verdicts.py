"""Opinions that were formed before, by their content."""

from __future__ import annotations

from collections.abc import Mapping

from executors.judge.backend import SCALED_DOWN, Opinion
from executors.judge.cache.entry import dump, load
from executors.judge.cache.memory import MemoryStore
from executors.judge.cache.redis import RedisStore
from executors.judge.cache.store import Store
from executors.shared.settings import JudgeSettings
from executors.shared.telemetry.catalogue import CACHE_LOOKUPS


class Verdicts:
    """What is kept is the opinion, not the verdict: thresholds and the strictness with which an
    answer is read apply anew to every ad."""

    def __init__(self, store: Store | None) -> None:
        """Without a store nothing is kept, nothing found and nothing counted."""
        self._store = store
        self._hits = self._misses = 0

    @property
    def kind(self) -> str:
        """`memory`, `redis` or `off`."""
        return self._store.kind if self._store else "off"

    async def get(self, key: str, explain_above: float) -> Opinion | None:
        """Return the opinion on the content of `key`.

        None too where an answer is asked for by `explain_above` and none was written then. An
        answer that is not asked for now is left out, so that the same ad reads the same.
        """
        if self._store is None:
            return None
        data = await self._store.get(key)
        opinion = load(data) if data is not None else None
        if opinion is None or not _answered(opinion, explain_above):
            self._misses += 1
            result = "error" if data is None and self._store.failing else "miss"
            CACHE_LOOKUPS.add(1, {"cache": "verdict", "result": result})
            return None
        self._hits += 1
        CACHE_LOOKUPS.add(1, {"cache": "verdict", "result": "hit"})
        if opinion.violation > explain_above:
            return opinion
        return Opinion(opinion.violation, opinion.instruction, None, opinion.notes)

    async def put(self, key: str, opinion: Opinion) -> None:
        """Keep an opinion that was usable.

        Not that on a picture which the memory of the moment made smaller: with more of it the judge
        may see more. Nor one whose probabilities are none.
        """
        if self._store is None or SCALED_DOWN in opinion.notes:
            return
        try:
            entry = dump(opinion)
        except ValueError:
            return
        await self._store.put(key, entry)

    def counters(self) -> Mapping[str, int]:
        """Hits, misses and errors since the start."""
        if self._store is None:
            return {}
        return {
            "cache_hits": self._hits,
            "cache_misses": self._misses,
            "cache_errors": self._store.errors,
        }

    async def close(self) -> None:
        """End the store's connections."""
        if self._store is not None:
            await self._store.close()


def open_verdicts(settings: JudgeSettings) -> Verdicts:
    """Redis where there is a URL, else memory; nothing with `cache_entries` 0.

    Raises `ConfigurationError` for a URL that is none of Redis.
    """
    if not settings.cache_entries:
        return Verdicts(None)
    if settings.cache_url:
        return Verdicts(RedisStore(settings.cache_url, settings.cache_ttl_s))
    return Verdicts(MemoryStore(settings.cache_entries, settings.cache_ttl_s))


def _answered(opinion: Opinion, explain_above: float) -> bool:
    return opinion.written is not None or not opinion.violation > explain_above
