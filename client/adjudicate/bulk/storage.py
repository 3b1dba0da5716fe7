"""Files of this machine and of object stores, by fsspec."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from adjudicate.sources import MAX_FILE, PICTURES

_ENDS = 1024 * 1024
"""Bytes of a file's beginning and of its end that its identity is made from."""
_BLOCK = 8 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """A file or a folder. `path` is as the file system `fs` names it."""

    fs: Any
    path: str
    url: str
    size: int | None
    """Bytes; None for a folder."""

    @property
    def local(self) -> bool:
        """On this machine."""
        return "file" in _protocols(self.fs)

    @property
    def suffix(self) -> str:
        """In lower case, with its dot."""
        return PurePosixPath(self.path).suffix.lower()

    def beside(self, name: str) -> str:
        """The path of a file that a manifest names: a URL of the same store, or relative to it."""
        if "://" in name:
            return str(self.fs._strip_protocol(name))
        if self.local:
            return str(Path(self.path).parent / name)
        return str(PurePosixPath(self.path).parent / name)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Read the file as a stream."""
        with said(self.url):
            opened = self.fs.open(self.path, "rb", **({} if self.local else {"block_size": _BLOCK}))
        with opened if self.local else io.BufferedReader(opened) as file:
            yield file

    def read(self, path: str) -> bytes:
        """A file of the same store, `MAX_FILE` bytes and one more at most. Raises `OSError`."""
        if self.local:
            with Path(path).open("rb") as file:
                return file.read(MAX_FILE + 1)
        if self.fs.size(path) == 0:  # a range of nothing is refused
            return b""
        return bytes(self.fs.cat_file(path, start=0, end=MAX_FILE + 1))

    def identity(self) -> dict[str, str | int]:
        """URL, and of a file its size and a hash of its first and last MiB."""
        if self.size is None:
            return {"url": self.url}
        digest = hashlib.sha256()
        with self.open() as file:
            digest.update(file.read(_ENDS))
            if self.size > _ENDS:
                file.seek(max(_ENDS, self.size - _ENDS))
                digest.update(file.read(_ENDS))
        return {"url": self.url, "size": self.size, "sha256": digest.hexdigest()}


def place(what: str) -> Place:
    """Where `what` is: a path, or a URL such as `s3://bucket/prefix`.

    Raises `ValueError` for a store that is not known or whose package is not installed, and
    `FileNotFoundError`.
    """
    import fsspec

    if "://" not in what:
        held = Path(what)
        if not held.exists():
            raise FileNotFoundError(f"There is no {what}.")
        size = None if held.is_dir() else held.stat().st_size
        whole = str(held.resolve())
        return Place(fsspec.filesystem("file"), whole, whole, size)
    scheme = what.partition("://")[0]
    try:
        fs, path = fsspec.core.url_to_fs(what, use_listings_cache=False)
    except ImportError as error:
        raise ValueError(f"{scheme}:// cannot be read here: {error}.") from None
    except ValueError as error:
        raise ValueError(f"{what}: {error}.") from None
    with said(what):
        try:
            info = fs.info(path)
        except FileNotFoundError:
            raise FileNotFoundError(f"There is no {what}.") from None
    return Place(fs, path, what, None if info["type"] == "directory" else int(info["size"]))


def pictures(held: Place) -> Iterator[str]:
    """The paths of all pictures below a folder in a stable order, read lazily.

    An S3 listing comes in pages; elsewhere one folder's names at a time are in memory.
    """
    if held.local:
        paths = _local(held.path)
    elif "s3" in _protocols(held.fs):
        paths = _s3(held)
    else:
        paths = _walk(held, held.path)
    return (path for path in paths if PurePosixPath(path).suffix.lower() in PICTURES)


def _local(root: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise error

    # Without it os.walk passes over folders that cannot be read: their ads would be lost.
    for here, folders, files in os.walk(root, onerror=refuse):
        folders.sort()
        for name in sorted(files):
            yield os.path.join(here, name)


def _s3(held: Place) -> Iterator[str]:
    bucket, key, _ = held.fs.split_path(held.path)
    asked = {"Bucket": bucket, "Prefix": f"{key.rstrip('/')}/" if key else ""}
    while True:
        with said(held.url):
            page = held.fs.call_s3("list_objects_v2", **asked)
        for found in page.get("Contents", ()):
            yield f"{bucket}/{found['Key']}"
        if not page.get("IsTruncated"):
            return
        asked["ContinuationToken"] = page["NextContinuationToken"]


def _walk(held: Place, folder: str) -> Iterator[str]:
    with said(held.url):
        found = held.fs.ls(folder, detail=True)
    entries = sorted((entry["name"], entry["type"]) for entry in found if entry["name"] != folder)
    del found
    yield from (name for name, kind in entries if kind == "file")
    for name, kind in entries:
        if kind == "directory":
            yield from _walk(held, name)


@contextmanager
def said(url: str) -> Iterator[None]:
    """Each store's package has errors of its own; all become an `OSError` of one sentence."""
    try:
        yield
    except OSError as error:
        if error.filename is None and url not in str(error):
            raise type(error)(f"{url}: {error}") from error
        raise
    except Exception as error:
        raise OSError(f"{url}: {error}") from error


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)
