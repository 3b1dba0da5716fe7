"""The judge room's endpoints for its models: which there are, and another one in place of this."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import os
from typing import Any

from docarray import DocList
from jina import requests

from adjudicate.documents import Lookup, ModelVersion, Problem
from adjudicate.errors import AdjudicateError, Code, ConfigurationError
from executors.judge.registry import entries, present
from executors.judge.swapping import Open, Serving, SwappingBackend
from executors.shared.room import Room


class ModelRoom(Room):
    """A room whose model can be exchanged while it serves."""

    def open_models(self, open: Open) -> SwappingBackend:
        """Call it from `open`. Raises `ConfigurationError` for a model that cannot be loaded."""
        self._models = SwappingBackend(open, self.settings.judge)
        return self._models

    @requests(on="/models/list")
    async def list_models(self, docs: DocList[Lookup], **kwargs: Any) -> DocList[ModelVersion]:
        """The models of models.yml and the one that serves; for an id that one alone."""
        wanted = [lookup.id or "" for lookup in docs]
        try:
            known = await asyncio.to_thread(self._known)
        except ConfigurationError as error:
            problem = Problem(code=Code.INTERNAL, detail=str(error))
            return DocList[ModelVersion](ModelVersion(id=name, problem=problem) for name in wanted)
        return DocList[ModelVersion](
            model for name in wanted for model in known.values() if name in ("", model.id)
        )

    @requests(on="/models/load")
    async def load_models(self, docs: DocList[Lookup], **kwargs: Any) -> DocList[ModelVersion]:
        """Put the model of each id, a name of models.yml, in place of the one that serves.

        Answers when it serves, or with the problem; then the one before goes on.
        """
        return DocList[ModelVersion]([await self._load(lookup.id or "") for lookup in docs])

    async def _load(self, name: str) -> ModelVersion:
        try:
            return _shown(await self._models.load(name))
        except AdjudicateError as error:
            problem = Problem(code=error.code, detail=error.detail)
            return ModelVersion(id=name, pid=os.getpid(), problem=problem)

    def _known(self) -> dict[str, ModelVersion]:
        settings = self.settings.judge
        serving, loading = self._models.current, self._models.loading
        found = {}
        for name, entry in entries(settings).items():
            state = "here" if present(name, settings) else "missing"
            state = "loading" if name == loading else state
            files = len(entry.files)
            found[name] = ModelVersion(id=name, source=entry.source, state=state, files=files)
        shown = _shown(serving)
        if held := found.get(serving.name):
            shown.source, shown.files = held.source, held.files
        found[serving.name] = shown
        for model in found.values():
            model.pid = os.getpid()
        return found


def _shown(serving: Serving) -> ModelVersion:
    return ModelVersion(
        id=serving.name,
        state="serving",
        version=serving.version,
        load_seconds=round(serving.load_seconds, 3),
        pid=os.getpid(),
    )
