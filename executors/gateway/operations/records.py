"""What is on record in the JSON contract: case files, searches, export, pictures, erasure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from docarray import DocList

from adjudicate.documents import (
    Ad,
    Case,
    CaseFile,
    DecisionAsk,
    DecisionRow,
    Erasure,
    Expiry,
    ExportRow,
    Lookup,
    Problem,
)
from adjudicate.errors import STATUS, Code, RequestError, ServiceError
from adjudicate.images import EncodedImage
from adjudicate.record_rows import COLUMNS, csv_line
from executors.gateway.operations.bodies import Body, plain, whole
from executors.gateway.operations.given import text_of
from executors.gateway.routing.rooms import Rooms
from executors.shared.pictures import PictureStore

MOST = 1_000
"""Decisions of one page."""

_FILTERS = (
    *("text", "picture", "phash", "copy_hash", "advertiser", "outcome", "rule", "market"),
    *("product", "since", "until", "after"),
)
_LISTS = ("reviews", "appeals", "history", "near")


class RecordsApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    a room is down.
    """

    def __init__(self, rooms: Rooms, pictures: PictureStore | None = None) -> None:
        """`pictures`: where those of ads are kept; None: nowhere."""
        self._rooms = rooms
        self._pictures = pictures

    async def case(self, decision_id: str) -> Body:
        """A `CaseFile`: the decision with its evidence, reviews, appeals, the advertiser's history
        and near-duplicates. Raises `RequestError` `not_found`."""
        asked = DocList[Lookup]([Lookup(id=decision_id)])
        (file,) = await self._rooms.post("/case", asked, CaseFile)
        _sound(file)
        return {
            "id": file.id,
            "decision": plain(file.decision) if file.decision else None,
            "evidence": _bare(file.evidence),
            "item": _bare(file.item),
            **{name: [_bare(one) for one in getattr(file, name)] for name in _LISTS},
            "history_counts": file.history_counts,
        }

    async def search(self, body: Body) -> Body:
        """`{id?, text?, image?, picture?, phash?, advertiser?, outcome?, rule?, market?, product?,
        since?, until?, limit?, after?}` → `{"decisions": [DecisionRow], "after", "picture",
        "phash"}`.

        `image` is base64, or bytes: the picture whose near-duplicates are wanted; its hashes come
        back, for the next page. `after` is empty on the last page. Raises `RequestError` with the
        picture's own code when it cannot be read.
        """
        asked = _ask(body)
        async with self._rooms.door.enter("/decisions/search", 1):
            if body.get("image"):
                asked.picture, asked.phash = await self._hashes(body["image"])
            rows = await self._page("/decisions/search", asked, DecisionRow)
        return {
            "decisions": [_bare(row) for row in rows],
            "after": _after(rows, asked),
            "picture": asked.picture,
            "phash": asked.phash,
        }

    async def export(self, body: Body) -> Body:
        """As `search` without a picture → `{"decisions": [ExportRow], "after"}`, the oldest first.

        The first page of an export is noted in the audit trail.
        """
        asked = _ask(body)
        rows = await self._page("/decisions/export", asked, ExportRow)
        return {"decisions": [_bare(row) for row in rows], "after": _after(rows, asked)}

    async def csv(self, body: Body) -> AsyncIterator[str]:
        """All pages of an export as lines of CSV, its heading first."""
        yield csv_line(COLUMNS)
        asked = {**body, "limit": MOST}
        while True:
            page = await self.export(asked)
            for row in page["decisions"]:
                yield csv_line(row[name] for name in COLUMNS)
            if not page["after"]:
                return
            asked["after"] = page["after"]

    async def picture(self, picture: str) -> bytes:
        """A kept picture by the SHA-256 of its bytes, as the advertiser made it.

        Raises `RequestError` `not_found`, and `ServiceError` when the store does not answer.
        """
        async with self._rooms.door.enter("/picture", 1):
            if self._pictures is None:
                raise RequestError(Code.NOT_FOUND, "no pictures are kept")
            try:
                return await asyncio.to_thread(self._pictures.get, picture)
            except FileNotFoundError:
                detail = f"picture {picture[:64]!r} is not kept"
                raise RequestError(Code.NOT_FOUND, detail) from None
            except OSError as error:
                raise ServiceError(Code.INTERNAL, "the picture cannot be read") from error

    async def erase(self, body: Body) -> Body:
        """`{ad?|advertiser?, dry_run?}` → an `Erasure`. Without `dry_run: false` it only counts."""
        asked = Erasure(
            ad=text_of(body, "ad"), advertiser=text_of(body, "advertiser"), dry_run=_dry_run(body)
        )
        (done,) = await self._rooms.post("/erase", DocList[Erasure]([asked]), Erasure)
        return _nameless(_sound(done))

    async def expire(self, body: Body) -> Body:
        """`{dry_run?}` → an `Expiry`. Without `dry_run: false` it only counts."""
        asked = DocList[Expiry]([Expiry(dry_run=_dry_run(body))])
        (done,) = await self._rooms.post("/expire", asked, Expiry)
        return _nameless(_sound(done))

    async def _hashes(self, image: Any) -> tuple[str, str]:
        try:
            ad = Ad(image=EncodedImage.parse(image))
        except ValueError:
            raise RequestError(Code.IMAGE_BASE64) from None
        (case,) = await self._rooms.post("/hash", DocList[Ad]([ad]), Case)
        _sound(case)
        return case.picture, case.phash

    async def _page(self, endpoint: str, asked: DecisionAsk, kind: type[Any]) -> list[Any]:
        found = await self._rooms.post(endpoint, DocList[DecisionAsk]([asked]), kind)
        return [_sound(row) for row in found]


def _ask(body: Body) -> DecisionAsk:
    return DecisionAsk(
        decision=text_of(body, "id"),
        **{name: text_of(body, name) for name in _FILTERS},
        limit=whole(body.get("limit", 50), "limit", 1, MOST),
    )


def _dry_run(body: Body) -> bool:
    value = body.get("dry_run")
    if value is not None and not isinstance(value, bool):
        raise RequestError(Code.MALFORMED, "dry_run must be true or false")
    return value is not False


def _after(rows: list[Any], asked: DecisionAsk) -> str:
    """Where the next page begins; empty when this one was not full."""
    return rows[-1].id if len(rows) == asked.limit else ""


def _sound(document: Any) -> Any:
    """The document. Its problem is the request's."""
    problem: Problem | None = document.problem
    if problem is None:
        return document
    code = Code(problem.code)
    raise (ServiceError if STATUS[code].http >= 500 else RequestError)(code, problem.detail)


def _bare(document: Any) -> Body | None:
    """Without its problem, which it has not."""
    if document is None:
        return None
    return {name: value for name, value in plain(document).items() if name != "problem"}


def _nameless(document: Any) -> Body:
    """Without the id, which only Jina needs, too."""
    bare = _bare(document) or {}
    return {name: value for name, value in bare.items() if name not in ("id", "by")}
