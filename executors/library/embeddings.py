"""The exemplars' embeddings by encoder version: what is there, what is missing, what is new."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from sqlalchemy import Engine, delete, func, insert, select, update

from adjudicate.documents import Exemplar
from executors.library.changing import changing, chunks
from executors.library.rows import document, embedding_values, listing
from executors.library.schema import EMBEDDINGS, EXEMPLARS

SLOW_S = 0.05
"""A count that took longer is not repeated for twenty times as long: a probe asks all the time."""


class EmbeddingStore:
    """What `ExemplarStore` keeps of each encoder."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def exemplars(self) -> int:
        """Exemplars that are not removed; switched-off ones count, they may come back."""
        query = select(func.count()).select_from(EXEMPLARS).where(~EXEMPLARS.c.removed)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def counts(self) -> dict[str, int]:
        """How many of the exemplars have embeddings of each encoder version, by its name."""
        by_version = select(EMBEDDINGS.c.encoder_version, func.count()).group_by(
            EMBEDDINGS.c.encoder_version
        )
        # Removed ones are few: to count them apart is ten times as fast as to join them all.
        removed = by_version.select_from(
            EXEMPLARS.join(EMBEDDINGS, EMBEDDINGS.c.exemplar_id == EXEMPLARS.c.id)
        ).where(EXEMPLARS.c.removed)
        with self._engine.connect() as connection:
            gone = {version: int(count) for version, count in connection.execute(removed)}
            found = connection.execute(by_version).all()
        left = {version: int(count) - gone.get(version, 0) for version, count in sorted(found)}
        return {version: count for version, count in left.items() if count}

    def most_used(self, limit: int) -> list[str]:
        """The encoder versions that most exemplars have embeddings of."""
        counts = self.counts()
        return sorted(counts, key=lambda version: counts[version], reverse=True)[:limit]

    def missing(self, encoder_version: str, limit: int, after: str = "") -> list[Exemplar]:
        """The next exemplars, in the order of their ids, that lack embeddings of this version;
        with their pictures."""
        there = (EMBEDDINGS.c.exemplar_id == EXEMPLARS.c.id) & (
            EMBEDDINGS.c.encoder_version == encoder_version
        )
        query = (
            listing(image=True)
            .where(~EXEMPLARS.c.removed, EXEMPLARS.c.id > after)
            .where(~select(EMBEDDINGS.c.exemplar_id).where(there).exists())
            .order_by(EXEMPLARS.c.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [document(row) for row in connection.execute(query)]

    def write(self, exemplars: Sequence[Exemplar]) -> int:
        """Add the embeddings that exemplars lack, in one transaction; how many were lacking.

        All are of one encoder version. An exemplar that is not held any more is left out.
        """
        if not exemplars:
            return 0
        version = exemplars[0].encoder_version
        with changing(self._engine) as change:
            ids = [exemplar.id or "" for exemplar in exemplars]
            held: set[str] = set()
            there: set[str] = set()
            for part in chunks(ids):
                of_part = EMBEDDINGS.c.exemplar_id.in_(part)
                query = select(EXEMPLARS.c.id).where(EXEMPLARS.c.id.in_(part))
                held.update(change.connection.scalars(query))
                query = select(EMBEDDINGS.c.exemplar_id).where(
                    of_part, EMBEDDINGS.c.encoder_version == version
                )
                there.update(change.connection.scalars(query))
            rows = [
                {
                    "exemplar_id": exemplar.id,
                    "revision": change.revision,
                    **embedding_values(exemplar),
                }
                for exemplar in exemplars
                if exemplar.id in held - there
            ]
            if rows:
                change.connection.execute(insert(EMBEDDINGS), rows)
                change.changed = True
        return len(rows)

    def drop(self, encoder_version: str) -> int:
        """Delete the embeddings of one encoder version; how many there were."""
        of_version = EMBEDDINGS.c.encoder_version == encoder_version
        with changing(self._engine) as change:
            # Nothing is left that could carry the revision: the exemplars do.
            ids = select(EMBEDDINGS.c.exemplar_id).where(of_version)
            touched = change.connection.execute(
                update(EXEMPLARS).where(EXEMPLARS.c.id.in_(ids)).values(revision=change.revision)
            )
            change.connection.execute(delete(EMBEDDINGS).where(of_version))
            change.changed = bool(touched.rowcount)
        return int(touched.rowcount)


class EncoderFacts:
    """For the room's status: which encoders the library has, and how complete they are.

    Counted anew when the library has changed; not every time where that takes long.
    """

    def __init__(self, store: EmbeddingStore) -> None:
        self._store = store
        self._of = -1
        self._not_before = 0.0
        self._facts: dict[str, str] = {}

    def of(self, version: int) -> dict[str, str]:
        """The facts, of the library's version or of one shortly before it."""
        started = time.monotonic()
        if version != self._of and started >= self._not_before:
            counts, total = self._store.counts(), self._store.exemplars()
            said = [f"{name} {count} of {total}" for name, count in counts.items()]
            self._facts, self._of = {"encoders": ", ".join(said)} if said else {}, version
            now = time.monotonic()
            self._not_before = now + 20 * (now - started) if now - started > SLOW_S else now
        return self._facts


def batches(store: EmbeddingStore, encoder_version: str, size: int) -> Iterator[list[Exemplar]]:
    """All exemplars that lack embeddings of this version, `size` at a time, each once."""
    after = ""
    while batch := store.missing(encoder_version, size, after):
        yield batch
        after = batch[-1].id or ""
