"""The judge's models, as a client sees them: which there are, and which one serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjudicate.documents import ModelVersion

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient


Models = list[ModelVersion]


class AsyncModels:
    """The models of the service's models.yml. Where the judge has replicas each answers."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(self) -> Models:
        """All that can be loaded, and what serves: `state` says which it is."""
        return await self._client._ask(lambda: self._client._transport().list_models())

    async def load(self, name: str) -> Models:
        """Put another model in place of the one that serves; no ad is lost.

        Returns when it serves: of each replica the model, or its `problem`. It lasts until the
        judge starts anew, with its settings. Raises `RequestError` with code `not_found`,
        `model_busy` or `model_refused` where no replica has loaded it: then nothing has changed.
        """
        transport = self._client._transport
        return await self._client._ask(lambda: transport().load_model(name), repeat=False)
