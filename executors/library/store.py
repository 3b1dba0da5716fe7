"""The exemplars in SQL: the library's only durable state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from adjudicate.documents import Exemplar
from adjudicate.errors import AdError, Code
from adjudicate.images import EncodedImage
from executors.shared.database import open_database, writing
from executors.shared.images import content_hash

METADATA = MetaData()

EXEMPLARS = Table(
    "exemplars",
    METADATA,
    Column("id", String(200), primary_key=True),
    Column("content_hash", String(64), nullable=False, unique=True),
    Column("image", LargeBinary),
    Column("text", Text, nullable=False),
    Column("category", String(200), nullable=False, index=True),
    Column("rule", String(200), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("polarity", String(20), nullable=False),
    Column("note", Text, nullable=False),
    Column("added_by", String(200), nullable=False),
    Column("added_at", String(40), nullable=False, index=True),
    Column("encoder_version", String(200), nullable=False),
    Column("image_embedding", LargeBinary),
    Column("text_embedding", LargeBinary),
    Column("text_windows", Integer, nullable=False),
    Column("phash", String(64), nullable=False),
    Column("enabled", Boolean, nullable=False),
    # The table's version at which this row last changed: what a replica still has to read.
    Column("revision", Integer, nullable=False, index=True),
)

VERSION = Table(
    "exemplars_version",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
)

_LABELS = ("category", "rule", "polarity")
_WITHOUT_BLOBS = [
    column
    for column in EXEMPLARS.columns
    if column.name not in ("image", "image_embedding", "text_embedding")
]
_FOR_INDEX = [
    EXEMPLARS.c[name]
    for name in ("id", *_LABELS, "encoder_version", "phash", "enabled", "text_windows")
] + [EXEMPLARS.c.image_embedding, EXEMPLARS.c.text_embedding]


@dataclass(frozen=True)
class Entry:
    """What the index keeps of one exemplar."""

    id: str
    category: str
    rule: str
    polarity: str
    encoder_version: str
    phash: str
    enabled: bool
    image: NDArray[np.float32] | None
    """`[D] float32`, unit norm."""
    text: NDArray[np.float32] | None
    """`[W, D] float32`, unit norm per window."""


class ExemplarStore:
    """Exemplars by id, and a version that every change moves by one.

    A removed exemplar stays in the table, disabled: decisions name it. Adding its content again
    brings it back under its id.
    """

    def __init__(self, url: str) -> None:
        """Raises `ConfigurationError` when the database cannot be opened."""
        self._engine: Engine = open_database(url, METADATA)
        self.kind = self._engine.dialect.name
        try:
            with writing(self._engine) as connection:
                if connection.execute(select(VERSION.c.version)).first() is None:
                    connection.execute(insert(VERSION).values(id=1, version=0))
        except IntegrityError:
            pass  # another replica was first

    def close(self) -> None:
        """End the connections."""
        self._engine.dispose()

    def version(self) -> int:
        """The table's version: moved by each change, never back."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(VERSION.c.version)).scalar_one())

    def count(self) -> int:
        """Exemplars that are in use."""
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(EXEMPLARS).where(EXEMPLARS.c.enabled)
            return int(connection.execute(query).scalar_one())

    def changes_since(self, version: int) -> tuple[int, list[Entry]]:
        """The table's version now, and every exemplar that changed after `version`."""
        with self._engine.connect() as connection:
            # The version is read first: a change in between is then read twice, never missed.
            now = int(connection.execute(select(VERSION.c.version)).scalar_one())
            query = select(*_FOR_INDEX).where(EXEMPLARS.c.revision > version)
            rows = connection.execution_options(yield_per=1_000).execute(query)
            return now, [_entry(row) for row in rows]

    def add(self, exemplars: Sequence[Exemplar]) -> list[Exemplar | AdError]:
        """Store exemplars with their embeddings, in one transaction.

        Content that is already held keeps its id and time. It takes the new embeddings when
        another encoder made them: that is how a library is encoded anew. Held content under
        another label is an `AdError`, in its place.
        """
        with writing(self._engine) as connection:
            return [_add(connection, exemplar) for exemplar in exemplars]

    def remove(self, ids: Sequence[str]) -> list[bool]:
        """Take exemplars out of use; whether each was in use."""
        with writing(self._engine) as connection:
            return [_remove(connection, exemplar_id) for exemplar_id in ids]

    def get(self, exemplar_id: str, *, image: bool = False) -> Exemplar | None:
        """One exemplar in use, without its embeddings."""
        query = _selection(image).where(EXEMPLARS.c.id == exemplar_id, EXEMPLARS.c.enabled)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        return _document(row) if row else None

    def page(
        self,
        limit: int,
        offset: int = 0,
        *,
        category: str = "",
        polarity: str = "",
        image: bool = False,
    ) -> list[Exemplar]:
        """Exemplars in use, the newest first, without their embeddings."""
        query = _selection(image).where(EXEMPLARS.c.enabled)
        if category:
            query = query.where(EXEMPLARS.c.category == category)
        if polarity:
            query = query.where(EXEMPLARS.c.polarity == polarity)
        query = query.order_by(EXEMPLARS.c.added_at.desc(), EXEMPLARS.c.id)
        with self._engine.connect() as connection:
            return [_document(row) for row in connection.execute(query.limit(limit).offset(offset))]


def _add(connection: Connection, exemplar: Exemplar) -> Exemplar | AdError:
    values = _values(exemplar)
    held = connection.execute(
        select(*_WITHOUT_BLOBS).where(EXEMPLARS.c.content_hash == values["content_hash"])
    ).first()
    if held and held.enabled:
        if any(getattr(held, name) != values[name] for name in _LABELS):
            return AdError(
                Code.INVALID_FIELD,
                f"this content is held as {held.polarity} of category {held.category!r}, rule "
                f"{held.rule!r}, by id {held.id}; remove that first",
            )
        if held.encoder_version == values["encoder_version"]:
            return _document(held)
        values["added_at"] = held.added_at
    if held:
        values["id"] = held.id
        change = update(EXEMPLARS).where(EXEMPLARS.c.id == held.id)
    else:
        taken = select(EXEMPLARS.c.id).where(EXEMPLARS.c.id == values["id"])
        if connection.execute(taken).first():
            return AdError(Code.INVALID_FIELD, f"the id {values['id']} is that of another exemplar")
        change = insert(EXEMPLARS)  # type: ignore[assignment]
    connection.execute(change.values(**values, enabled=True, revision=_moved(connection)))
    stored = connection.execute(select(*_WITHOUT_BLOBS).where(EXEMPLARS.c.id == values["id"])).one()
    return _document(stored)


def _remove(connection: Connection, exemplar_id: str) -> bool:
    in_use = (EXEMPLARS.c.id == exemplar_id) & EXEMPLARS.c.enabled
    if connection.execute(select(EXEMPLARS.c.id).where(in_use)).first() is None:
        return False
    connection.execute(
        update(EXEMPLARS).where(in_use).values(enabled=False, revision=_moved(connection))
    )
    return True


def _moved(connection: Connection) -> int:
    """The version after this change. The row stays locked until the transaction ends, so that
    revisions become visible in their order."""
    connection.execute(update(VERSION).values(version=VERSION.c.version + 1))
    return int(connection.execute(select(VERSION.c.version)).scalar_one())


def _selection(image: bool) -> Any:
    return select(*_WITHOUT_BLOBS, *([EXEMPLARS.c.image] if image else []))


def _values(exemplar: Exemplar) -> dict[str, Any]:
    names = ("id", *_LABELS, "severity", "note", "added_by", "encoder_version", "phash")
    text = exemplar.text.strip()
    image, windows = exemplar.image_embedding, exemplar.text_embedding
    return {
        **{name: getattr(exemplar, name) for name in names},
        "content_hash": content_hash(exemplar.image, text),
        "image": bytes(exemplar.image) if exemplar.image is not None else None,
        "text": text,
        "added_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "image_embedding": None if image is None else _bytes(image),
        "text_embedding": None if windows is None else _bytes(windows),
        "text_windows": 0 if windows is None else len(windows),
    }


def _bytes(vector: Any) -> bytes:
    return np.ascontiguousarray(vector, dtype="<f4").tobytes()


def _entry(row: Row[Any]) -> Entry:
    image, text = row.image_embedding, row.text_embedding
    return Entry(
        id=row.id,
        category=row.category,
        rule=row.rule,
        polarity=row.polarity,
        encoder_version=row.encoder_version,
        phash=row.phash,
        enabled=row.enabled,
        image=None if image is None else np.frombuffer(image, "<f4"),
        text=None if text is None else np.frombuffer(text, "<f4").reshape(row.text_windows, -1),
    )


def _document(row: Row[Any]) -> Exemplar:
    names = (
        *("id", "text", *_LABELS, "severity", "note", "added_by", "added_at"),
        *("encoder_version", "phash"),
    )
    image = getattr(row, "image", None)
    return Exemplar(
        **{name: getattr(row, name) for name in names},
        image=None if image is None else EncodedImage(image),
    )
