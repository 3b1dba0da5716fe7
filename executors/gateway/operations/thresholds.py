"""The thresholds' part of the JSON contract: versions, and which one is in force."""

from __future__ import annotations

from typing import Any

import orjson
from docarray import DocList

from adjudicate.documents import Lookup, Problem, ThresholdVersion
from adjudicate.errors import STATUS, Code, RequestError, ServiceError
from executors.gateway.operations.bodies import Body, items_of, plain
from executors.gateway.routing.rooms import Rooms
from executors.shared.settings import GatewaySettings

_ADDED = ("encoder_version", "state", "note", "created_by")
_SET = {"state": "state", "by": "changed_by", "note": "note", "encoder_version": "encoder_version"}
_JSON = ("content", "metrics")


class ThresholdApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    a room is down; what is wrong with one version of several stands in that version's answer.
    """

    def __init__(self, rooms: Rooms, settings: GatewaySettings) -> None:
        self._rooms = rooms
        self._settings = settings

    async def list(self) -> Body:
        """`{"thresholds": […]}`: every version, the newest first, and the file's."""
        found = await self._listed("")
        return {"thresholds": [_shown(version) for version in found]}

    async def get(self, version: str) -> Body:
        """One version by its id or the beginning of it. Raises `RequestError`: `not_found`, or
        `invalid_field` when several begin so."""
        found = await self._listed(version)
        _sound(found[0])
        if len(found) > 1:
            several = ", ".join(f"{one.id} of encoder {one.encoder_version}" for one in found[:5])
            raise RequestError(Code.INVALID_FIELD, f"{version[:50]!r} may be {several}")
        return _shown(found[0])

    async def add(self, body: Body) -> Body:
        """`{"thresholds": [{encoder_version, content, state, note?, created_by?, metrics?}]}` → the
        same as they are held, or with a problem each."""
        items = items_of(body, "thresholds", self._settings.max_ads)
        asked = DocList[ThresholdVersion]([_version(item) for item in items])
        held = await self._rooms.post("/thresholds/add", asked, ThresholdVersion)
        return {"thresholds": [_shown(version) for version in held]}

    async def set(self, version: str, body: Body) -> Body:
        """`{state, by?, note?, encoder_version?}` → the version as it is now. Raises `RequestError`
        `not_found` or `invalid_field`."""
        fields = {name: _text(body, key) for key, name in _SET.items()}
        asked = DocList[ThresholdVersion]([ThresholdVersion(id=version, **fields)])
        answer = await self._rooms.post("/thresholds/set", asked, ThresholdVersion)
        return _shown(_sound(answer[0]))

    async def _listed(self, version: str) -> DocList[Any]:
        lookups = DocList[Lookup]([Lookup(id=version)])
        return await self._rooms.post("/thresholds/list", lookups, ThresholdVersion)


def _version(item: Any) -> ThresholdVersion:
    if not isinstance(item, dict):
        item, detail = {}, "thresholds must be a JSON object"
    else:
        unknown = ", ".join(sorted(set(item) - {*_ADDED, *_JSON})[:5])
        detail = f"not known: {unknown}" if unknown else ""
    if detail:
        # The library refuses it too, as content that is none; this says it better.
        raise RequestError(Code.INVALID_FIELD, detail)
    values = {name: orjson.dumps(item[name]).decode() for name in _JSON if item.get(name)}
    return ThresholdVersion(**values, **{name: _text(item, name) for name in _ADDED})


def _text(body: Body, name: str) -> str:
    value = body.get(name) if isinstance(body, dict) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(Code.INVALID_FIELD, f"{name} must be text")
    return value


def _shown(version: ThresholdVersion) -> Body:
    """JSON data, with the JSON inside it as what it says."""
    data = plain(version)
    for name in _JSON:
        text = data.get(name)
        data[name] = orjson.loads(text) if text and version.problem is None else None
    return data


def _sound(version: ThresholdVersion) -> ThresholdVersion:
    problem: Problem | None = version.problem
    if problem is None:
        return version
    code = Code(problem.code)
    if STATUS[code].http >= 500:
        raise ServiceError(code, problem.detail)
    raise RequestError(code, problem.detail)
