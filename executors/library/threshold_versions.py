"""The thresholds in SQL: every version that was ever proposed, and which one is in force."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    Text,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from adjudicate.documents import ThresholdVersion
from adjudicate.errors import AdError, Code
from executors.library.thresholds import Thresholds, parse_thresholds
from executors.shared.database import open_database, writing

State = Literal["active", "shadow", "retired"]

METADATA = MetaData()

VERSIONS = Table(
    "threshold_versions",
    METADATA,
    Column("version", String(20), primary_key=True),
    Column("encoder_version", String(200), primary_key=True),
    Column("content", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("note", Text, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_at", String(40), nullable=False, index=True),
    Column("changed_by", String(200), nullable=False),
    Column("changed_at", String(40), nullable=False),
    Column("metrics", Text, nullable=False),
)
_IN_FORCE = VERSIONS.c.state.in_(["active", "shadow"])
Index(
    "one_active_one_shadow_per_encoder",
    VERSIONS.c.encoder_version,
    VERSIONS.c.state,
    unique=True,
    sqlite_where=_IN_FORCE,
    postgresql_where=_IN_FORCE,
)

CHANGES = Table(
    "threshold_changes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
)
"""One row, that each change moves: so changes come one after the other on every database."""

_LEAST_PREFIX = 4
_MOST_CHARACTERS = {"encoder_version": 200, "created_by": 200, "changed_by": 200}
_MOST_BYTES = 1_000_000


class ThresholdStore:
    """Versions of thresholds by id, for one encoder version each. None is ever deleted: decisions
    name them, and a roll back is the activation of an older one."""

    def __init__(self, url: str) -> None:
        """Raises `ConfigurationError` when the database cannot be opened."""
        self._engine: Engine = open_database(url, METADATA)
        try:
            with writing(self._engine) as connection:
                if connection.execute(select(CHANGES.c.count)).first() is None:
                    connection.execute(insert(CHANGES).values(id=1, count=0))
        except IntegrityError:
            pass  # another replica was first

    def close(self) -> None:
        """End the connections."""
        self._engine.dispose()

    def in_force(self) -> list[ThresholdVersion]:
        """The active and the shadow version of each encoder that has one."""
        return self._read(select(VERSIONS).where(_IN_FORCE))

    def all(self) -> list[ThresholdVersion]:
        """All versions, the newest first."""
        return self._read(select(VERSIONS).order_by(VERSIONS.c.created_at.desc()))

    def find(self, version: str) -> list[ThresholdVersion]:
        """The versions whose id is or begins with `version`, four characters at least: the same
        values may be held for several encoders."""
        if len(version) < _LEAST_PREFIX:
            return []
        return self._read(
            select(VERSIONS).where(VERSIONS.c.version.startswith(version, autoescape=True))
        )

    def add(self, asked: ThresholdVersion) -> ThresholdVersion:
        """Store the content as a version, in the state asked.

        What is held already is put into that state; it keeps its note and time. An active version
        that is only proposed again, as shadow or retired, stays active.

        Raises `AdError` `invalid_field` for content, state or encoder that cannot be.
        """
        values = _values(asked)

        def work(connection: Connection) -> ThresholdVersion:
            held = _held(connection, values["version"], values["encoder_version"])
            if held is None:
                row = {**values, "state": "retired"}
                connection.execute(insert(VERSIONS).values(**row))
            elif held.state == "active":
                return _document(held)
            return _put(connection, values, asked.state)

        return self._write(work)

    def set_state(
        self, version: str, state: str, *, encoder_version: str = "", by: str = "", note: str = ""
    ) -> ThresholdVersion:
        """Put one version into a state; who had that state before is retired. A note is appended.

        Raises `AdError`: `not_found` for no such version, `invalid_field` for a state that is
        none, or when several encoders have that version and none is named.
        """
        _check_state(state)
        _check_lengths({"changed_by": by})
        found = [
            held
            for held in self.find(version)
            if not encoder_version or held.encoder_version == encoder_version
        ]
        if not found:
            raise AdError(Code.NOT_FOUND, f"there are no thresholds {version[:50]!r}")
        if len(found) > 1:
            several = ", ".join(f"{held.id} of encoder {held.encoder_version}" for held in found)
            raise AdError(Code.INVALID_FIELD, f"{version!r} may be {several}: name one")
        one = found[0]
        values = {
            "version": one.id,
            "encoder_version": one.encoder_version,
            "changed_by": by,
            "note": "\n".join(part for part in (one.note, note) if part),
        }
        return self._write(lambda connection: _put(connection, values, state))

    def _read(self, query: Any) -> list[ThresholdVersion]:
        with self._engine.connect() as connection:
            return [_document(row) for row in connection.execute(query)]

    def _write(self, work: Callable[[Connection], ThresholdVersion]) -> ThresholdVersion:
        with writing(self._engine) as connection:
            connection.execute(update(CHANGES).values(count=CHANGES.c.count + 1))
            return work(connection)


def as_thresholds(version: ThresholdVersion, ceiling: float) -> Thresholds:
    """What the screen compares with. Raises `ValueError` for content that is not valid."""
    content = {**json.loads(version.content), "encoder": version.encoder_version}
    return parse_thresholds(content, f"version {version.id}", ceiling)


def as_version(thresholds: Thresholds) -> ThresholdVersion:
    """The file's thresholds as a listing shows them."""
    return ThresholdVersion(
        id=thresholds.version,
        encoder_version=thresholds.encoder,
        state="file",
        content=json.dumps(thresholds.content(), ensure_ascii=False),
        note=thresholds.source,
    )


def _put(connection: Connection, values: dict[str, Any], state: str) -> ThresholdVersion:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    encoder, by = values["encoder_version"], values["changed_by"]
    if state != "retired":
        before = (VERSIONS.c.encoder_version == encoder) & (VERSIONS.c.state == state)
        other = before & (VERSIONS.c.version != values["version"])
        change = {"state": "retired", "changed_by": by, "changed_at": now}
        connection.execute(update(VERSIONS).where(other).values(**change))
    this = (VERSIONS.c.version == values["version"]) & (VERSIONS.c.encoder_version == encoder)
    change = {"state": state, "note": values["note"], "changed_by": by, "changed_at": now}
    connection.execute(update(VERSIONS).where(this).values(**change))
    return _document(connection.execute(select(VERSIONS).where(this)).one())


def _held(connection: Connection, version: str, encoder: str) -> Row[Any] | None:
    this = (VERSIONS.c.version == version) & (VERSIONS.c.encoder_version == encoder)
    return connection.execute(select(VERSIONS).where(this)).first()


def _values(asked: ThresholdVersion) -> dict[str, Any]:
    _check_state(asked.state)
    if not asked.encoder_version:
        raise AdError(Code.INVALID_FIELD, "encoder_version: name the encoder they are for")
    texts = ("encoder_version", "created_by", "note", "metrics")
    _check_lengths({name: getattr(asked, name) for name in texts})
    try:
        content = json.loads(asked.content)
        if not isinstance(content, dict) or "encoder" in content:
            raise ValueError("an object of image, text, image-text and default is wanted")
        parsed = parse_thresholds({**content, "encoder": asked.encoder_version}, "")
    except ValueError as error:
        raise AdError(Code.INVALID_FIELD, f"content: {str(error)[:300]}") from None
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {
        "version": parsed.version,
        "content": json.dumps(parsed.content(), ensure_ascii=False, sort_keys=True),
        **{name: getattr(asked, name) for name in texts},
        "created_at": now,
        "changed_by": asked.created_by,
        "changed_at": now,
    }


def _check_state(state: str) -> None:
    if state not in get_args(State):
        known = ", ".join(get_args(State))
        raise AdError(Code.INVALID_FIELD, f"state must be one of {known}, not {state[:20]!r}")


def _check_lengths(values: dict[str, str]) -> None:
    for name, value in values.items():
        if len(value) > _MOST_CHARACTERS.get(name, _MOST_BYTES):
            raise AdError(Code.INVALID_FIELD, f"{name} is too long")
        if "\0" in value:
            raise AdError(Code.INVALID_FIELD, f"{name} must not hold NUL characters")


def _document(row: Row[Any]) -> ThresholdVersion:
    names: Sequence[str] = [c.name for c in VERSIONS.columns if c.name != "version"]
    return ThresholdVersion(id=row.version, **{name: getattr(row, name) for name in names})
