"""The screen's thresholds, as a client sees them: versions, and which one is in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjudicate.documents import ThresholdVersion

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient


class AsyncThresholds:
    """Versions of the thresholds. One is active and one is shadow, at most, per encoder; where none
    is active the library's file counts."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(self) -> list[ThresholdVersion]:
        """All versions, the newest first, and at the end the file's, of state `file`."""
        return await self._client._ask(lambda: self._client._transport().list_thresholds())

    async def get(self, version: str) -> ThresholdVersion:
        """One version by its id, the beginning of it, or `file`.

        Raises `RequestError` with code `not_found`, or `invalid_field` when several begin so.
        """
        return await self._client._ask(lambda: self._client._transport().get_thresholds(version))

    async def add(self, version: ThresholdVersion) -> ThresholdVersion:
        """Store `content` for `encoder_version` in the given state; what is held already is put
        into that state, unless it is active.

        Raises `RequestError` with code `invalid_field`. Repeating it changes nothing.
        """
        return await self._client._ask(lambda: self._client._transport().add_thresholds(version))

    async def set(
        self, version: str, state: str, *, by: str = "", note: str = "", encoder_version: str = ""
    ) -> ThresholdVersion:
        """Make a version `active`, `shadow` or `retired`; the one that was so before is retired.

        Raises `RequestError` with code `not_found` or `invalid_field`.
        """
        asked = ThresholdVersion(
            id=version, state=state, changed_by=by, note=note, encoder_version=encoder_version
        )
        transport = self._client._transport
        return await self._client._ask(lambda: transport().set_thresholds(asked), repeat=False)
