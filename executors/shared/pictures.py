"""Pictures of ads by the SHA-256 of their bytes: in a folder, or in an object store by fsspec.

A picture is at `ab/cd/<hash>`. It is there whole or not at all: in a folder it is written beside,
synced to disk and renamed; an object store shows an object when all of it has come.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from adjudicate.bulk.storage import said
from adjudicate.errors import ConfigurationError
from executors.shared.database import sqlite_file
from executors.shared.settings import ROOT, Settings

SETTING = "ADJUDICATE_PICTURES"

_REVIEWED = ("escalate", "reject")
_IS_HASH = re.compile(r"[0-9a-f]{64}").fullmatch
_NEW = ".new"
"""The folder of what is being written. A process that is killed leaves its files there."""
_STALE_S = 86_400.0


class DamagedPicture(OSError):
    """A picture's bytes are not those that its name says."""


def keeps(keep: str, outcome: str, audit: bool) -> bool:
    """Whether the picture of an ad with this outcome is kept; `audit`: it is in the audit sample.

    That of an ad that could not be reviewed never is. `keep` is the setting's.
    """
    if keep == "none" or outcome == "error":
        return False
    return keep == "all" or outcome in _REVIEWED or audit


def open_pictures(settings: Settings) -> PictureStore:
    """The store that the settings name: by default a folder beside a SQLite database's file.

    Raises `ConfigurationError`.
    """
    if settings.pictures:
        return PictureStore(settings.pictures)
    file = sqlite_file(settings.database)
    return PictureStore(str((file.absolute().parent if file else ROOT / "data") / "pictures"))


class PictureStore:
    """Pictures by their hash. Every method blocks: call them from threads."""

    def __init__(self, url: str) -> None:
        """`url`: a folder, which is made, or a URL such as `s3://bucket/prefix`.

        Raises `ConfigurationError` where nothing can be kept.
        """
        self.url = url
        self._place = _place(url)

    def put(self, data: bytes) -> str:
        """Keep a picture, and return its hash; one that is there already is not written again.

        Raises `OSError` when it could not be written.
        """
        picture = hashlib.sha256(data).hexdigest()
        self._place.put(_path(picture), data)
        return picture

    def get(self, picture: str) -> bytes:
        """The picture's bytes.

        Raises `FileNotFoundError` when it is not kept, `DamagedPicture` when it is not what its
        hash says, and `OSError` when the store cannot be read.
        """
        if not _IS_HASH(picture):
            raise FileNotFoundError(f"{picture[:80]!r} is no picture's hash")
        data = self._place.get(_path(picture))
        if hashlib.sha256(data).hexdigest() != picture:
            raise DamagedPicture(f"picture {picture}: its bytes have changed")
        return data

    def has(self, picture: str) -> bool:
        """Whether the picture is kept. Raises `OSError` when the store cannot be read."""
        return bool(_IS_HASH(picture)) and self._place.size(_path(picture)) is not None

    def delete(self, pictures: Iterable[str]) -> int:
        """Delete pictures; how many of them were there. Raises `OSError`."""
        return sum(self._place.delete(_path(one)) for one in pictures if _IS_HASH(one))

    def hashes(self) -> Iterator[str]:
        """The hashes of all pictures that are kept, in no order that matters."""
        names = (path.rpartition("/")[2] for path in self._place.paths())
        return (name for name in names if _IS_HASH(name))

    def tidy(self) -> int:
        """Delete what killed processes left half written, a day ago or longer; how many files."""
        return self._place.tidy()


class _Place(Protocol):
    """Where pictures are, by their paths."""

    def put(self, path: str, data: bytes) -> None: ...
    def get(self, path: str) -> bytes: ...
    def size(self, path: str) -> int | None: ...
    def delete(self, path: str) -> bool: ...
    def paths(self) -> Iterator[str]: ...
    def tidy(self) -> int: ...


class _Folder:
    def __init__(self, root: Path) -> None:
        self._root = root
        self._new = root / _NEW
        try:
            self._new.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(f"{SETTING}: {root} cannot be made: {error}.") from None
        if not os.access(self._new, os.W_OK | os.X_OK):
            raise ConfigurationError(f"{SETTING}: {root} cannot be written to.")

    def put(self, path: str, data: bytes) -> None:
        target = self._root / path
        if self.size(path) != len(data):
            self._write(target, data)
        # Also for one that is there: who wrote it may not have come so far.
        _sync(target.parent)

    def _write(self, target: Path, data: bytes) -> None:
        new = self._new / uuid.uuid4().hex
        try:
            with new.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._make(target.parent)
            new.replace(target)
        except BaseException:
            with suppress(OSError):
                new.unlink()
            raise

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(exist_ok=True)
            _sync(folder.parent)

    def get(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def size(self, path: str) -> int | None:
        try:
            return (self._root / path).stat().st_size
        except FileNotFoundError:
            return None

    def delete(self, path: str) -> bool:
        try:
            (self._root / path).unlink()
        except FileNotFoundError:
            return False
        return True

    def paths(self) -> Iterator[str]:
        for here, folders, files in os.walk(self._root):
            folders[:] = [name for name in folders if name != _NEW]
            yield from files if Path(here) != self._root else ()

    def tidy(self) -> int:
        tidied = 0
        for file in self._new.iterdir():
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - _STALE_S:
                    file.unlink()
                    tidied += 1
        return tidied


class _Objects:
    def __init__(self, fs: Any, root: str, url: str) -> None:
        self._fs, self._root, self._url = fs, root.rstrip("/"), url

    def put(self, path: str, data: bytes) -> None:
        if self.size(path) != len(data):
            with said(self._url):
                self._fs.pipe_file(f"{self._root}/{path}", data)

    def get(self, path: str) -> bytes:
        with said(self._url):
            return bytes(self._fs.cat_file(f"{self._root}/{path}"))

    def size(self, path: str) -> int | None:
        try:
            with said(self._url):
                return int(self._fs.info(f"{self._root}/{path}")["size"])
        except FileNotFoundError:
            return None

    def delete(self, path: str) -> bool:
        try:
            with said(self._url):
                self._fs.rm_file(f"{self._root}/{path}")
        except FileNotFoundError:
            return False
        return True

    def paths(self) -> Iterator[str]:
        with said(self._url):
            yield from self._fs.find(self._root)

    def tidy(self) -> int:
        return 0


def _place(url: str) -> _Place:
    scheme, _, rest = url.partition("://")
    if not rest or scheme == "file":
        return _Folder(Path(rest or url))
    import fsspec

    try:
        fs, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise ConfigurationError(f"{SETTING}: {scheme}:// cannot be used here: {error}.") from None
    except ValueError as error:
        raise ConfigurationError(f"{SETTING}: {url}: {error}.") from None
    return _Objects(fs, root, url)


def _path(picture: str) -> str:
    return f"{picture[:2]}/{picture[2:4]}/{picture}"


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
