"""Databases with this release's tables, and with those of a test's own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import Engine, MetaData

from executors.databases import whole
from executors.shared.database import open_database, writing


def prepare(url: str) -> None:
    """Bring a database to this release's revision."""
    open_database(url, whole()).dispose()


def fresh_sqlite(path: Path) -> str:
    """The URL of a new database in this file. Its tables are copied, which takes a hundredth of
    what the migrations take. Raises `FileExistsError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _prepared().open("rb") as tables, path.open("xb") as made:
        shutil.copyfileobj(tables, made)
    return f"sqlite:///{path}"


def open_with(url: str, metadata: MetaData) -> Engine:
    """A database as the rooms open it, with these tables too."""
    engine = open_database(url, MetaData())
    with writing(engine) as connection:
        metadata.create_all(connection)
    return engine


@cache
def _prepared() -> Path:
    folder = tempfile.mkdtemp(prefix="adjudicate-tables-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    prepare(f"sqlite:///{folder}/adjudicate.db")
    return Path(folder) / "adjudicate.db"
