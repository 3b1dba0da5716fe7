"""The exemplars in SQL: the library's only durable state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, Row, Select, func, insert, select, union, update
from sqlalchemy.exc import IntegrityError

from adjudicate.documents import Exemplar
from adjudicate.errors import AdError
from executors.library.adding import add_all
from executors.library.changing import changing, chunks
from executors.library.rows import IN_USE, document, listing
from executors.library.schema import (
    BANKS,
    EMBEDDINGS,
    EXEMPLARS,
    HITS,
    MAIN_BANK,
    METADATA,
    VERSION,
)
from executors.shared.database import open_database, writing

SORTS = ("newest", "id", "flagged", "rejected", "overturned")

_READ_AT_ONCE = 1_000
"""Rows: some 4 MB of embeddings."""

_FOR_INDEX = [
    EXEMPLARS.c[name] for name in ("id", "category", "rule", "polarity", "severity", "bank")
] + [EXEMPLARS.c.phash, IN_USE.label("in_use"), EMBEDDINGS.c.encoder_version]
_FOR_INDEX += [EMBEDDINGS.c[name] for name in ("image", "text", "text_windows")]


@dataclass(frozen=True)
class Entry:
    """What an index keeps of one exemplar."""

    id: str
    category: str
    rule: str
    polarity: str
    severity: str
    bank: str
    phash: str
    enabled: bool
    """False when the exemplar or its bank is switched off, or when it was removed."""
    image: NDArray[np.float32] | None
    """`[D] float32`, unit norm."""
    text: NDArray[np.float32] | None
    """`[W, D] float32`, unit norm per window."""
    embedded: bool = True
    """False: it has no embeddings of the encoder version that was asked for."""


class ExemplarStore:
    """Exemplars by id, and a version that every change moves.

    A removed exemplar stays in the table: decisions name it. Adding its content again brings it
    back under its id.
    """

    def __init__(self, url: str) -> None:
        """Raises `ConfigurationError` when the database cannot be opened."""
        self.engine: Engine = open_database(url, METADATA)
        self.kind = self.engine.dialect.name
        try:
            with writing(self.engine) as connection:
                if connection.execute(select(VERSION.c.version)).first() is None:
                    connection.execute(insert(VERSION).values(id=1, version=0))
                    main = {"name": MAIN_BANK, "enabled": True, "note": ""}
                    connection.execute(insert(BANKS).values(**main, changed_by="", changed_at=""))
        except IntegrityError:
            pass  # another replica was first

    def close(self) -> None:
        """End the connections."""
        self.engine.dispose()

    def version(self) -> int:
        """The library's version: moved by each change, never back."""
        with self.engine.connect() as connection:
            return int(connection.execute(select(VERSION.c.version)).scalar_one())

    def count(self) -> int:
        """Exemplars that match ads: neither removed nor switched off."""
        query = select(func.count()).select_from(EXEMPLARS.join(BANKS, _OF_BANK)).where(IN_USE)
        with self.engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def polarities(self) -> dict[str, int]:
        """As `count`, by polarity."""
        query = (
            select(EXEMPLARS.c.polarity, func.count())
            .select_from(EXEMPLARS.join(BANKS, _OF_BANK))
            .where(IN_USE)
            .group_by(EXEMPLARS.c.polarity)
        )
        with self.engine.connect() as connection:
            return {str(polarity): int(count) for polarity, count in connection.execute(query)}

    def changes_since(self, version: int, encoder_version: str) -> tuple[int, Iterator[Entry]]:
        """The library's version now, and every exemplar that changed after `version`, removed and
        switched-off ones too, with its embeddings of `encoder_version`.

        The entries are read as they are asked for. Embeddings that another encoder made change
        nothing here.
        """
        # The version is read first: a change in between is then read twice, never missed.
        return self.version(), self._changed(version, encoder_version)

    def entries(self, encoder_version: str) -> Iterator[Entry]:
        """Every exemplar, removed and switched-off ones too, with its embeddings of
        `encoder_version`, read as they are asked for."""
        return self._changed(-1, encoder_version)

    def any_embedded(self, encoder_version: str) -> Entry | None:
        """An exemplar that matches ads and has embeddings of this encoder; None without one."""
        tables = EXEMPLARS.join(BANKS, _OF_BANK).join(
            EMBEDDINGS, EMBEDDINGS.c.exemplar_id == EXEMPLARS.c.id
        )
        query = select(*_FOR_INDEX).select_from(tables)
        query = query.where(EMBEDDINGS.c.encoder_version == encoder_version, IN_USE)
        with self.engine.connect() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else _entry(row)

    def _changed(self, version: int, encoder_version: str) -> Iterator[Entry]:
        of_encoder = EMBEDDINGS.c.encoder_version == encoder_version
        tables = EXEMPLARS.join(BANKS, _OF_BANK).outerjoin(
            EMBEDDINGS, (EMBEDDINGS.c.exemplar_id == EXEMPLARS.c.id) & of_encoder
        )
        query = select(*_FOR_INDEX).select_from(tables)
        if version >= 0:
            relabelled = select(EXEMPLARS.c.id).where(EXEMPLARS.c.revision > version)
            embedded = select(EMBEDDINGS.c.exemplar_id).where(
                of_encoder, EMBEDDINGS.c.revision > version
            )
            query = query.where(EXEMPLARS.c.id.in_(union(relabelled, embedded)))
        with self.engine.connect() as connection:
            streamed = connection.execution_options(yield_per=_READ_AT_ONCE)
            for row in streamed.execute(query):
                yield _entry(row)

    def add(
        self, exemplars: Sequence[Exemplar], *, dry_run: bool = False
    ) -> list[Exemplar | AdError]:
        """Store exemplars with their embeddings, in one transaction.

        Content that is already held keeps its id, labels and time; the answer names it in
        `repeats`. Embeddings of an encoder that it lacks are added to it. Held content under
        another label is an `AdError`, in its place. So adding again is harmless. A dry run answers
        the same and stores nothing.
        """
        with changing(self.engine, dry_run=dry_run) as change:
            return add_all(change, exemplars)

    def remove(self, ids: Sequence[str], by: str = "", note: str = "") -> list[bool]:
        """Take exemplars out; whether each was there."""
        with changing(self.engine) as change:
            there: set[str] = set()
            for part in chunks(ids):
                held = EXEMPLARS.c.id.in_(part) & ~EXEMPLARS.c.removed
                there.update(change.connection.scalars(select(EXEMPLARS.c.id).where(held)))
                change.connection.execute(
                    update(EXEMPLARS).where(held).values(removed=True, revision=change.revision)
                )
            if there:
                change.changed = True
                change.log("removed", by, note, ids=sorted(there))
        found = []
        for exemplar_id in ids:
            found.append(exemplar_id in there)
            there.discard(exemplar_id)
        return found

    def get(self, exemplar_id: str, *, image: bool = False) -> Exemplar | None:
        """One exemplar, without its embeddings; None for a removed one."""
        query = listing(image=image).where(EXEMPLARS.c.id == exemplar_id, ~EXEMPLARS.c.removed)
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        return document(row) if row else None

    def held(self, content_hashes: Sequence[str]) -> dict[str, Exemplar]:
        """The exemplars that have this content, by its hash, without pictures."""
        found: dict[str, Exemplar] = {}
        with self.engine.connect() as connection:
            for part in chunks(content_hashes):
                query = listing(image=False).where(
                    EXEMPLARS.c.content_hash.in_(part), ~EXEMPLARS.c.removed
                )
                found.update((row.content_hash, document(row)) for row in connection.execute(query))
        return found

    def page(
        self,
        limit: int,
        offset: int = 0,
        *,
        category: str = "",
        polarity: str = "",
        bank: str = "",
        sort: str = "newest",
        after: str = "",
        image: bool = False,
    ) -> list[Exemplar]:
        """Exemplars, without their embeddings, sorted by one of `SORTS`.

        `after`, an id, with `sort="id"`, continues a listing in time that does not grow with what
        was listed before.
        """
        query = listing(image=image).where(~EXEMPLARS.c.removed)
        for name, value in (("category", category), ("polarity", polarity), ("bank", bank)):
            if value:
                query = query.where(EXEMPLARS.c[name] == value)
        if after:
            query = query.where(EXEMPLARS.c.id > after)
        with self.engine.connect() as connection:
            rows = connection.execute(_sorted(query, sort).limit(limit).offset(offset))
            return [document(row) for row in rows]


_OF_BANK = BANKS.c.name == EXEMPLARS.c.bank


def _sorted(query: Select[Any], sort: str) -> Select[Any]:
    """Raises `KeyError` for a sort that is none of `SORTS`."""
    flagged = func.coalesce(HITS.c.flagged, 0)
    overturned = func.coalesce(HITS.c.overturned, 0)
    keys = {
        "newest": EXEMPLARS.c.added_at.desc(),
        "id": EXEMPLARS.c.id,
        "flagged": flagged.desc(),
        "rejected": func.coalesce(HITS.c.rejected, 0).desc(),
        # The share of its ads, with two more that were not overturned: one ad is no evidence yet.
        "overturned": (overturned / (flagged + 2.0)).desc(),
    }
    return query.order_by(keys[sort], EXEMPLARS.c.id)


def _entry(row: Row[Any]) -> Entry:
    image, text = row.image, row.text
    return Entry(
        id=row.id,
        category=row.category,
        rule=row.rule,
        polarity=row.polarity,
        severity=row.severity,
        bank=row.bank,
        phash=row.phash,
        enabled=bool(row.in_use),
        image=None if image is None else np.frombuffer(image, "<f4"),
        text=None if text is None else np.frombuffer(text, "<f4").reshape(row.text_windows, -1),
        embedded=row.encoder_version is not None,
    )
