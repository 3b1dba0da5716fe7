"""The thresholds' operations of the three transports."""

from __future__ import annotations

import json
from typing import Any

from docarray import DocList

from adjudicate.documents import Lookup, ThresholdVersion
from adjudicate.errors import Code, RequestError, ServiceError, fault
from adjudicate.transports.parts import GrpcPart, JsonPart

_ADDED = ("encoder_version", "state", "note", "created_by")
_JSON = ("content", "metrics")


class GrpcThresholds(GrpcPart):
    """By the library's endpoints."""

    async def list_thresholds(self) -> list[ThresholdVersion]:
        """Every version, the newest first, and the file's."""
        return await self._thresholds("list", [Lookup(id="")], Lookup)

    async def get_thresholds(self, version: str) -> ThresholdVersion:
        """One version by its id or the beginning of it."""
        found = await self._thresholds("list", [Lookup(id=version)], Lookup)
        if len(found) > 1:
            several = ", ".join(str(one.id) for one in found[:5])
            raise RequestError(Code.INVALID_FIELD, f"{version!r} may be {several}")
        return _sound(found)

    async def add_thresholds(self, version: ThresholdVersion) -> ThresholdVersion:
        """The version as it is held now."""
        return _sound(await self._thresholds("add", [version], ThresholdVersion))

    async def set_thresholds(self, asked: ThresholdVersion) -> ThresholdVersion:
        """The version of this id in its new state."""
        return _sound(await self._thresholds("set", [asked], ThresholdVersion))

    async def _thresholds(self, what: str, docs: list[Any], kind: Any) -> list[ThresholdVersion]:
        sent = DocList[kind](docs)
        return await self._post(f"/thresholds/{what}", sent, ThresholdVersion, rooms="^library$")


class JsonThresholds(JsonPart):
    """By the operations of HTTP and WebSocket."""

    async def list_thresholds(self) -> list[ThresholdVersion]:
        """Every version, the newest first, and the file's."""
        return _read(await self.call("thresholds.list", {}))

    async def get_thresholds(self, version: str) -> ThresholdVersion:
        """One version by its id or the beginning of it."""
        return _document(await self.call("thresholds.get", {"id": version}))

    async def add_thresholds(self, version: ThresholdVersion) -> ThresholdVersion:
        """The version as it is held now."""
        plain = {name: getattr(version, name) for name in _ADDED}
        values = {name: json.loads(getattr(version, name) or "null") for name in _JSON}
        return _sound(_read(await self.call("thresholds.add", {"thresholds": [plain | values]})))

    async def set_thresholds(self, asked: ThresholdVersion) -> ThresholdVersion:
        """The version of this id in its new state."""
        body = {"id": asked.id, "state": asked.state, "by": asked.changed_by, "note": asked.note}
        if asked.encoder_version:
            body["encoder_version"] = asked.encoder_version
        return _document(await self.call("thresholds.set", body))


def _read(answer: dict[str, Any]) -> list[ThresholdVersion]:
    items = answer.get("thresholds")
    if not isinstance(items, list):
        raise ServiceError(Code.INTERNAL, "The answer holds no thresholds.")
    return [_document(item) for item in items]


def _document(item: dict[str, Any]) -> ThresholdVersion:
    texts = {
        name: json.dumps(item[name], ensure_ascii=False) if item.get(name) else "" for name in _JSON
    }
    known = {name: value for name, value in item.items() if name in ThresholdVersion.model_fields}
    return ThresholdVersion(**{**known, **texts})


def _sound(found: list[ThresholdVersion]) -> ThresholdVersion:
    """The one answer. Raises `RequestError` or `ServiceError` for its problem."""
    if not found:
        raise fault(Code.NOT_FOUND)
    problem = found[0].problem
    if problem is not None:
        raise fault(Code(problem.code), problem.detail)
    return found[0]
