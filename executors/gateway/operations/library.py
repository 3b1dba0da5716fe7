"""The library's part of the JSON contract: exemplars, banks, and who changed them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from docarray import BaseDoc, DocList

from adjudicate.documents import Bank, Case, Change, Exemplar, Lookup, Problem
from adjudicate.errors import STATUS, Code, RequestError, ServiceError
from executors.gateway.operations.bodies import Body, items_of, page_of, plain
from executors.gateway.routing.rooms import Rooms
from executors.shared.settings import GatewaySettings

_FILTERS = ("category", "polarity", "bank", "sort", "after")
_SET = ("enabled", "bank", "category", "rule", "severity", "polarity", "note", "by", "why")
_SWITCH = ("enabled", "note", "by")


class LibraryApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    a room is down; what is wrong with one exemplar of several stands in that exemplar's answer.
    """

    def __init__(self, rooms: Rooms, settings: GatewaySettings) -> None:
        self._rooms = rooms
        self._settings = settings

    async def add(self, body: Body) -> Body:
        """`{"exemplars": […], "dry_run"?}` → the same with their ids, or with a problem each."""
        items = items_of(body, "exemplars", self._settings.max_ads)
        exemplars = DocList[Exemplar]([_exemplar(item) for item in items])
        parameters = _given(body, ("dry_run",))
        added = await self._rooms.post("/library/add", exemplars, Exemplar, parameters=parameters)
        return {"exemplars": [_without_embeddings(exemplar) for exemplar in added]}

    async def held(self, body: Body) -> Body:
        """`{"hashes": […]}` → `{"exemplars": […]}`: those whose content is held already."""
        hashes = items_of(body, "hashes", self._settings.max_ads)
        if not all(isinstance(content, str) for content in hashes):
            raise RequestError(Code.MALFORMED, '"hashes" must be a list of text')
        lookups = DocList[Lookup]([Lookup(id=content) for content in hashes])
        found = await self._rooms.post("/library/held", lookups, Exemplar)
        held = [exemplar for exemplar in found if not _missing(exemplar)]
        return {"exemplars": [_without_embeddings(_sound(exemplar)) for exemplar in held]}

    async def page(self, query: Body) -> Body:
        """`{limit?, offset?, category?, polarity?, bank?, sort?, after?}` → `{"exemplars": […]}`
        without pictures."""
        filters = {name: str(query[name]) for name in _FILTERS if query.get(name)}
        found = await self._all("/library/list", Exemplar, page_of(query) | filters)
        return {"exemplars": [_without_embeddings(exemplar) for exemplar in found]}

    async def get(self, exemplar_id: str) -> Body:
        """One exemplar with its picture. Raises `RequestError` `not_found`."""
        found = await self._one("/library/list", exemplar_id, Exemplar, {"image": True})
        return _without_embeddings(found)

    async def picture(self, exemplar_id: str) -> bytes:
        """The bytes of its picture. Raises `RequestError` `not_found`, also where it has none."""
        found = await self._one("/library/list", exemplar_id, Exemplar, {"image": True})
        if found.image is None:
            raise RequestError(Code.NOT_FOUND, f"exemplar {exemplar_id[:50]!r} has no picture")
        return bytes(found.image)

    async def some(self, ids: Sequence[str]) -> Body:
        """`{"exemplars": […]}` of these ids without pictures, in their order; one that is not held
        has its problem."""
        asked = DocList[Lookup]([Lookup(id=one) for one in ids])
        found = await self._rooms.post("/library/list", asked, Exemplar) if ids else []
        return {"exemplars": [_without_embeddings(exemplar) for exemplar in found]}

    async def set(self, exemplar_id: str, body: Body) -> Body:
        """`{enabled?, bank?, category?, rule?, severity?, polarity?, note?, by?, why?}` → the
        exemplar as it is now. Raises `RequestError` `not_found` or `invalid_field`."""
        found = await self._one("/library/set", exemplar_id, Exemplar, _given(body, _SET))
        return _without_embeddings(found)

    async def remove(self, exemplar_id: str, query: Body) -> Body:
        """`{by?, why?}`. Raises `RequestError` `not_found`."""
        parameters = _given(query, ("by", "why"))
        found = await self._one("/library/remove", exemplar_id, Lookup, parameters)
        if not found.found:
            raise RequestError(Code.NOT_FOUND, f"there is no exemplar {exemplar_id[:50]!r}")
        return {"removed": exemplar_id}

    async def banks(self) -> Body:
        """`{"banks": […]}` with their counts."""
        return {"banks": [plain(bank) for bank in await self._all("/library/banks", Bank, {})]}

    async def bank(self, name: str, body: Body) -> Body:
        """`{enabled?, note?, by?}` → the bank as it is now."""
        return plain(await self._one("/library/bank", name, Bank, _given(body, _SWITCH)))

    async def changes(self, query: Body) -> Body:
        """`{exemplar?, limit?, offset?}` → `{"changes": […]}`: who did what, the newest first."""
        asked = DocList[Lookup]([Lookup(id=str(query.get("exemplar") or ""))])
        found = await self._rooms.post("/library/changes", asked, Change, parameters=page_of(query))
        return {"changes": [plain(_sound(change)) for change in found]}

    async def near(self, ids: Sequence[str], query: Body) -> Body:
        """`{limit?, copies?}` → `{"near": [{exemplar_id, matches, problem}]}`, in the order of the
        ids: the exemplars that are like each; with `copies` those alone that are almost copies."""
        asked = DocList[Lookup]([Lookup(id=one) for one in ids])
        parameters = _given(query, ("limit", "copies"))
        found = await self._rooms.post("/library/near", asked, Case, parameters=parameters)
        return {"near": [_near(case) for case in found]}

    async def near_one(self, exemplar_id: str, query: Body) -> Body:
        """As `near`, of one. Raises `RequestError` `not_found` or `invalid_field`."""
        asked = await self._one(
            "/library/near", exemplar_id, Case, _given(query, ("limit", "copies"))
        )
        return _near(asked)

    async def _all(self, endpoint: str, kind: type[BaseDoc], parameters: Body) -> list[Any]:
        asked = DocList[Lookup]([Lookup(id="")])
        found = await self._rooms.post(endpoint, asked, kind, parameters=parameters)
        return [_sound(item) for item in found]

    async def _one(self, endpoint: str, name: str, kind: type[BaseDoc], parameters: Body) -> Any:
        asked = DocList[Lookup]([Lookup(id=name)])
        found = await self._rooms.post(endpoint, asked, kind, parameters=parameters)
        if not found:
            raise RequestError(Code.NOT_FOUND, f"there is nothing by the id {name[:50]!r}")
        return _sound(found[0])


def _near(case: Case) -> Body:
    data = plain(case)
    return {"exemplar_id": case.id, "matches": data["matches"], "problem": data["problem"]}


def _given(body: Body, names: tuple[str, ...]) -> Body:
    return {name: body[name] for name in names if body.get(name) is not None}


def _missing(document: Any) -> bool:
    return document.problem is not None and document.problem.code == Code.NOT_FOUND


def _sound(document: Any) -> Any:
    """The document. Its problem, where the request was about it alone, is the request's."""
    if document.problem is None:
        return document
    code = Code(document.problem.code)
    kind = ServiceError if STATUS[code].http >= 500 else RequestError
    raise kind(code, document.problem.detail)


def _without_embeddings(exemplar: Exemplar) -> Body:
    data = plain(exemplar)
    data.pop("image_embedding", None)
    data.pop("text_embedding", None)
    return data


def _exemplar(item: Any) -> Exemplar:
    if isinstance(item, dict):
        return Exemplar.parse(item)
    detail = "an exemplar must be a JSON object"
    return Exemplar(problem=Problem(code=Code.INVALID_FIELD, detail=detail))
