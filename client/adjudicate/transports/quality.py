"""Quality over time over the three transports."""

from __future__ import annotations

from adjudicate.documents import PersonVerdict, Quality, Reference
from adjudicate.transports.parts import GrpcPart, JsonPart, read


class GrpcQuality(GrpcPart):
    """By the endpoints of library and ledger."""

    async def quality(self, hours: float) -> Quality:
        """The figures of a window."""
        return await self._ask_one("/quality", Quality(hours=hours), Quality, "^(library|ledger)$")

    async def set_reference(self, asked: Reference) -> Reference:
        """The reference that counts from now on."""
        return await self._ask_one("/quality/reference", asked, Reference, "^library$")

    async def verdict(self, asked: PersonVerdict) -> PersonVerdict:
        """A person's verdict as it is held."""
        return await self._ask_one("/decision/verdict", asked, PersonVerdict, "^ledger$")


class JsonQuality(JsonPart):
    """By the operations of HTTP and WebSocket."""

    async def quality(self, hours: float) -> Quality:
        """The figures of a window."""
        return read(Quality, await self.call("quality", _window(hours)))

    async def set_reference(self, asked: Reference) -> Reference:
        """The reference that counts from now on."""
        body = {**_window(asked.hours), "note": asked.note, "by": asked.created_by}
        return read(Reference, await self.call("quality.reference", body))

    async def verdict(self, asked: PersonVerdict) -> PersonVerdict:
        """A person's verdict as it is held."""
        body = {"id": asked.id, **{n: getattr(asked, n) for n in ("verdict", "by", "note")}}
        return read(PersonVerdict, await self.call("decision.verdict", body))


def _window(hours: float) -> dict[str, float]:
    return {"hours": hours} if hours else {}
