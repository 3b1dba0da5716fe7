"""What HTTP and WebSocket share: operations with JSON bodies."""

from __future__ import annotations

import binascii
import json
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

import numpy as np
from docarray import BaseDoc
from numpy.typing import NDArray

from adjudicate.answers import Embedding, SearchResult
from adjudicate.documents import (
    AD_FIELDS,
    EXEMPLAR_FIELDS,
    Ad,
    Bank,
    Change,
    Decision,
    Exemplar,
    Match,
    Problem,
    RoomStatus,
)
from adjudicate.errors import Code, ServiceError
from adjudicate.transports.audit import JsonAudit
from adjudicate.transports.base import Fields, Page
from adjudicate.transports.models import JsonModels
from adjudicate.transports.parts import read
from adjudicate.transports.quality import JsonQuality
from adjudicate.transports.rankings import JsonRankings
from adjudicate.transports.records import JsonRecords
from adjudicate.transports.reports import JsonReports
from adjudicate.transports.thresholds import JsonThresholds
from adjudicate.transports.work import JsonWork

D = TypeVar("D", bound=BaseDoc)

_AD = set(AD_FIELDS)
_EXEMPLAR = set(EXEMPLAR_FIELDS)


def ads_body(ads: Sequence[Ad]) -> dict[str, Any]:
    """`{"ads": […]}`, pictures as base64, absent fields left out."""
    return {"ads": [ad.model_dump(mode="json", include=_AD, exclude_none=True) for ad in ads]}


def with_ads(body: dict[str, Any], ads: Sequence[Ad]) -> bytes:
    """The body with its ads, as JSON. A picture is base64, which needs no escaping: it is put in
    as it is, where a JSON encoder would look at every character."""
    head = json.dumps(body).encode()[:-1] + (b", " if body else b"")
    return b"".join((head, b'"ads": [', b", ".join(map(_ad_json, ads)), b"]}"))


def _ad_json(ad: Ad) -> bytes:
    plain = ad.model_dump(mode="json", include=_AD - {"image"}, exclude_none=True)
    fields = json.dumps(plain).encode()
    if ad.image is None:
        return fields
    picture = binascii.b2a_base64(ad.image, newline=False)
    return b"".join((fields[:-1], b', "image": "', picture, b'"}'))


class JsonTransport(
    JsonThresholds,
    JsonRankings,
    JsonModels,
    JsonReports,
    JsonQuality,
    JsonAudit,
    JsonRecords,
    JsonWork,
):
    """Every operation but the review, over one method `call`."""

    @abstractmethod
    def review(self, ads: Sequence[Ad]) -> AsyncIterator[tuple[int, Decision]]:
        """As `Transport.review`."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connection."""

    async def embed(self, ads: Sequence[Ad]) -> list[Embedding]:
        """As the service computed them: JSON keeps every bit of a float32."""
        return [
            Embedding(
                item.get("ad_id", ""),
                _vector(item.get("image")),
                _vector(item.get("text")),
                _problem(item),
            )
            for item in _items(await self.call("embed", ads_body(ads)), "embeddings")
        ]

    async def search(
        self, ads: Sequence[Ad], limit: int, *, per_category: bool = False
    ) -> list[SearchResult]:
        """The nearest exemplars of each ad."""
        asked = {"limit": limit, **({"per_category": True} if per_category else {})}
        answer = await self.call("search", {**ads_body(ads), **asked})
        return [
            SearchResult(
                item.get("ad_id", ""),
                [read(Match, match) for match in item.get("matches") or []],
                _problem(item),
                item.get("versions") or {},
            )
            for item in _items(answer, "results")
        ]

    async def list_exemplars(self, page: Page) -> list[Exemplar]:
        """One page of the library."""
        answer = await self.call("library.list", page.parameters())
        return [read(Exemplar, item) for item in _items(answer, "exemplars")]

    async def get_exemplar(self, exemplar_id: str) -> Exemplar:
        """One exemplar with its picture."""
        return read(Exemplar, await self.call("library.get", {"id": exemplar_id}))

    async def add_exemplars(self, exemplars: Sequence[Exemplar], dry_run: bool) -> list[Exemplar]:
        """The exemplars as the library holds them now, or would."""
        bodies = [
            exemplar.model_dump(mode="json", include=_EXEMPLAR, exclude_none=True)
            for exemplar in exemplars
        ]
        answer = await self.call("library.add", {"exemplars": bodies, "dry_run": dry_run})
        return [read(Exemplar, item) for item in _items(answer, "exemplars")]

    async def held_exemplars(self, content_hashes: Sequence[str]) -> list[Exemplar]:
        """Those of these contents that are held."""
        answer = await self.call("library.held", {"hashes": list(content_hashes)})
        return [read(Exemplar, item) for item in _items(answer, "exemplars")]

    async def set_exemplar(self, exemplar_id: str, fields: Fields) -> Exemplar:
        """The exemplar as it is now."""
        return read(Exemplar, await self.call("library.set", {**fields, "id": exemplar_id}))

    async def remove_exemplar(self, exemplar_id: str, said: Fields) -> None:
        """Take one exemplar out."""
        await self.call("library.remove", {**said, "id": exemplar_id})

    async def banks(self) -> list[Bank]:
        """Every bank."""
        answer = await self.call("library.banks", {})
        return [read(Bank, item) for item in _items(answer, "banks")]

    async def switch_bank(self, name: str, fields: Fields) -> Bank:
        """The bank as it is now."""
        return read(Bank, await self.call("library.bank", {**fields, "id": name}))

    async def changes(self, exemplar_id: str, limit: int, offset: int) -> list[Change]:
        """The log of one exemplar, or of all."""
        asked = {"exemplar": exemplar_id, "limit": limit, "offset": offset}
        answer = await self.call("library.changes", asked)
        return [read(Change, item) for item in _items(answer, "changes")]

    async def decision(self, decision_id: str) -> Decision:
        """One recorded decision."""
        return read(Decision, await self.call("decision", {"id": decision_id}))

    async def decisions(self, limit: int, offset: int) -> list[Decision]:
        """Recorded decisions, newest first."""
        answer = await self.call("decisions", {"limit": limit, "offset": offset})
        return [read(Decision, item) for item in _items(answer, "decisions")]

    async def status(self) -> list[RoomStatus]:
        """What each room says about itself."""
        answer = await self.call("status", {})
        return [read(RoomStatus, item) for item in _items(answer, "rooms")]


def _items(answer: dict[str, Any], name: str) -> list[Any]:
    items = answer.get(name)
    if not isinstance(items, list):
        raise ServiceError(Code.INTERNAL, f"The answer holds no {name}.")
    return items


def _vector(values: list[float] | None) -> NDArray[np.float32] | None:
    return None if values is None else np.asarray(values, dtype=np.float32)


def _problem(item: dict[str, Any]) -> Problem | None:
    return read(Problem, item["problem"]) if item.get("problem") else None
