"""Whatever is or holds ads, as ads: what `review`, `embed` and `search` take.

    an `Ad`                                as it is
    a path (`str`, `Path`)                 a picture, a folder of them, a `.csv` manifest, `.jsonl`
    a URL (`https://…`)                    an ad whose picture the service fetches
    bytes, an open file, a PIL image       an ad of this picture
    a mapping                              the fields of an ad; `file` is the path of its picture
    a table (pandas, polars, pyarrow)      an ad per row; columns that are not known are left alone
    an iterable of any of these            all their ads, one at a time

What cannot be read is an ad with that problem, so that it has its decision like the others.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from adjudicate.documents import AD_FIELDS, Ad, Problem
from adjudicate.errors import Code
from adjudicate.sources import MAX_FILE, ads_at, read_picture
from adjudicate.tables import Table, is_table, rows_of

FILE = "file"
"""The field of a mapping, or column of a table, that is the path of the picture."""
_CONTENT = ("image", "url", "text", FILE)


@runtime_checkable
class Picture(Protocol):
    """A `PIL.Image.Image`, by what it can do."""

    info: dict[Any, Any]

    @property
    def mode(self) -> str: ...

    def getexif(self) -> Any: ...

    def convert(self, mode: str) -> Any: ...


class Readable(Protocol):
    """An open binary file."""

    def read(self, size: int = ..., /) -> bytes: ...


Thing = (
    Ad
    | str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | Picture
    | Readable
    | Mapping[str, Any]
    | Table
)
Things = Thing | Iterable[Thing]


def ad_of(thing: Thing, **fields: Any) -> Ad:
    """The ad of one thing. `fields` are what it does not say itself, such as `market="CN"`.

    A wrong field or an unreadable picture is the ad's `problem`. Raises `TypeError` for what is no
    one ad, such as a folder.

    >>> ad_of(b"...", market="CN").market
    'CN'
    """
    ads = list(_ads(thing, fields))
    if len(ads) != 1:
        raise TypeError(f"{len(ads)} ads, not one: use ads_of for {type(thing).__name__}")
    return ads[0]


def ads_of(things: Things, **fields: Any) -> Iterator[Ad]:
    """The ads of anything that holds some, read one at a time. `fields` as for `ad_of`.

    Raises `TypeError` for what is none of what stands above, `ValueError` for a table without a
    column that an ad could be made of.
    """
    if _is_thing(things) and not _is_series(things):
        yield from _ads(things, fields)
        return
    if not isinstance(things, Iterable):
        raise _no_ad(things)
    for thing in things:
        if not _is_thing(thing):
            raise _no_ad(thing)
        yield from _ads(thing, fields)


def _is_thing(thing: Any) -> bool:
    kinds = (Ad, str, os.PathLike, bytes, bytearray, memoryview, Mapping)
    return isinstance(thing, kinds) or _is_row(thing) or _is_picture(thing) or is_table(thing)


def _is_picture(thing: Any) -> bool:
    return hasattr(thing, "read") or isinstance(thing, Picture)


def _is_row(thing: Any) -> bool:
    """A named tuple, as `DataFrame.itertuples` yields them, or a series, as `iterrows` does."""
    return hasattr(thing, "_asdict") or _is_series(thing)


def _is_series(thing: Any) -> bool:
    """A row of a data frame where it stands among things; by itself it is a column of them."""
    return hasattr(thing, "to_dict") and hasattr(thing, "index") and not is_table(thing)


def _ads(thing: Any, fields: Mapping[str, Any]) -> Iterator[Ad]:
    if isinstance(thing, Ad):
        yield _filled(thing, fields)
    elif isinstance(thing, str) and thing.lower().startswith(("https://", "http://")):
        yield Ad.parse({**fields, "url": thing})
    elif isinstance(thing, str | os.PathLike):
        yield from _at(Path(thing), fields)
    elif isinstance(thing, Mapping):
        yield _of_mapping(thing, fields)
    elif is_table(thing):
        yield from _of_table(thing, fields)
    elif _is_row(thing):
        row = thing._asdict() if hasattr(thing, "_asdict") else thing.to_dict()
        yield _of_mapping(_known(row), fields)
    else:
        yield _with_picture(thing, {}, fields)


def _filled(ad: Ad, fields: Mapping[str, Any]) -> Ad:
    missing = {name: value for name, value in fields.items() if not getattr(ad, name, None)}
    return Ad.parse({**ad.model_dump(include=set(AD_FIELDS)), **missing}) if missing else ad


def _at(path: Path, fields: Mapping[str, Any]) -> Iterator[Ad]:
    try:
        yield from ads_at(path, fields)
    except (OSError, ValueError, csv.Error) as error:
        problem = Problem(code=Code.IMAGE_UNREADABLE, detail=str(error))
        yield Ad(id=str(path)[-200:] or None, problem=problem)


def _of_table(table: Any, fields: Mapping[str, Any]) -> Iterator[Ad]:
    for number, row in enumerate(rows_of(table), 1):
        if number == 1 and not set(_CONTENT) & set(row):
            raise ValueError(f"the table has none of the columns {', '.join(_CONTENT)}")
        yield _of_mapping(_known(row), {"id": f"row {number}", **fields})


def _known(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name in (*AD_FIELDS, FILE)}


def _of_mapping(given: Mapping[str, Any], fields: Mapping[str, Any]) -> Ad:
    said = {name: value for name, value in given.items() if not _missing(value)}
    if isinstance(said.get("id"), Integral):
        said["id"] = str(said["id"])
    path = said.pop(FILE, None)
    picture = said.pop("image", None) if path is None else Path(path)
    if isinstance(picture, Mapping):  # as Hugging Face data sets hold one
        path = picture.get("path")
        picture = picture.get("bytes") or (Path(path) if path else None)
    if isinstance(picture, os.PathLike) and "id" not in said:
        said["id"] = os.fspath(picture)[-200:]
    if picture is None or isinstance(picture, str):  # text is base64, as in JSON
        return Ad.parse({**fields, **said, "image": picture})
    return _with_picture(picture, said, fields)


def _with_picture(picture: Any, said: Mapping[str, Any], fields: Mapping[str, Any]) -> Ad:
    """An ad of this picture; one that cannot be read or encoded is the ad's problem."""
    given = {**fields, **said}
    try:
        data = _encoded(picture)
    except (OSError, ValueError, SyntaxError) as error:  # SyntaxError: Pillow's, of a broken PNG
        detail = str(getattr(error, "strerror", None) or error)
        if isinstance(picture, os.PathLike):
            detail = f"{os.fspath(picture)}: {detail}"
        return _broken(given, Code.IMAGE_UNREADABLE, detail)
    if len(data) > MAX_FILE:
        return _broken(given, Code.IMAGE_TOO_LARGE, f"more than {MAX_FILE // 2**20} MiB")
    return Ad.parse({**given, "image": data})


def _broken(given: Mapping[str, Any], code: Code, detail: str) -> Ad:
    ad = Ad.parse({name: value for name, value in given.items() if name == "id"})
    ad.problem = ad.problem or Problem(code=code, detail=detail)
    return ad


def _encoded(picture: Any) -> bytes:
    """The bytes of a picture, however it is held. Raises `TypeError` for what is none."""
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, os.PathLike):
        return read_picture(Path(picture))
    if hasattr(picture, "read"):
        data = picture.read(MAX_FILE + 1)
        if not isinstance(data, bytes):
            raise TypeError("not an ad: a file that is open as text; open it with mode 'rb'")
        return data
    if isinstance(picture, Picture):
        return _png(picture)
    raise TypeError(f"not a picture: {type(picture).__name__}")


def _png(picture: Any) -> bytes:
    """A PIL image without loss, its EXIF with it: the orientation stands there."""
    if picture.mode not in ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA"):
        picture = picture.convert("RGB")
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1, exif=picture.getexif())
    return file.getvalue()


def _missing(value: Any) -> bool:
    """None, and what a table holds where there is nothing: NaN, NaT, pandas' NA."""
    if isinstance(value, float):
        return value != value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _no_ad(thing: Any) -> TypeError:
    return TypeError(
        f"not an ad: {type(thing).__name__}; expected an Ad, a path, a URL, a picture's bytes, "
        "a PIL image, a mapping, a data frame, or an iterable of these"
    )
