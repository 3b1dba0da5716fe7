"""The library room's endpoints for its thresholds' versions."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Callable
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import Lookup, Problem, ThresholdVersion
from adjudicate.errors import AdError, Code
from executors.library.checks import problem_of
from executors.library.threshold_versions import ThresholdStore, as_version
from executors.library.thresholds import load_thresholds
from executors.library.thresholds_in_force import ThresholdsInForce
from executors.shared.room import Room

logger = logging.getLogger(__name__)


class ThresholdRoom(Room):
    """A room that screens by thresholds, and keeps their versions."""

    def open_thresholds(self) -> ThresholdsInForce:
        """Call it from `open`. Raises `ConfigurationError` for a file that cannot be read."""
        settings = self.settings.library
        file = load_thresholds(settings.thresholds, ceiling=settings.near_duplicate)
        self._versions = ThresholdStore(self.settings.database)
        self._in_force = ThresholdsInForce(file, self._versions)
        return self._in_force

    @requests(on="/thresholds/list")
    async def list_thresholds(
        self, docs: DocList[Lookup], **kwargs: Any
    ) -> DocList[ThresholdVersion]:
        """The versions whose id is, or begins with, each id; for an empty id all of them and the
        file's, the newest first."""
        wanted = [lookup.id or "" for lookup in docs]
        try:
            found = await asyncio.to_thread(lambda: [self._found(version) for version in wanted])
        except SQLAlchemyError:
            logger.exception("the thresholds cannot be read")
            problem = Problem(code=Code.INTERNAL, detail="the thresholds could not be read")
            found = [[ThresholdVersion(id=version, problem=problem)] for version in wanted]
        return DocList[ThresholdVersion](version for versions in found for version in versions)

    @requests(on="/thresholds/add")
    async def add_thresholds(
        self, docs: DocList[ThresholdVersion], **kwargs: Any
    ) -> DocList[ThresholdVersion]:
        """The versions as they are held now, each with its id and state, or with its problem."""
        return await self._changed(docs, self._versions.add)

    @requests(on="/thresholds/set")
    async def set_thresholds(
        self, docs: DocList[ThresholdVersion], **kwargs: Any
    ) -> DocList[ThresholdVersion]:
        """Puts the version of each `id` into its `state`; `changed_by` and `note` say who and why.

        `encoder_version` is needed only where several encoders have the same values.
        """

        def put(asked: ThresholdVersion) -> ThresholdVersion:
            return self._versions.set_state(
                asked.id or "",
                asked.state,
                encoder_version=asked.encoder_version,
                by=asked.changed_by,
                note=asked.note,
            )

        return await self._changed(docs, put)

    def shut(self) -> None:
        """End the connections of the versions."""
        self._versions.close()
        super().shut()

    def _found(self, version: str) -> list[ThresholdVersion]:
        file = as_version(self._in_force.file)
        if not version:
            return [*self._versions.all(), file]
        found = self._versions.find(version)
        if version in ("file", file.id) and not found:
            found = [file]
        missing = Problem(code=Code.NOT_FOUND, detail=f"there are no thresholds {version[:50]!r}")
        return found or [ThresholdVersion(id=version, problem=missing)]

    async def _changed(
        self,
        docs: DocList[ThresholdVersion],
        work: Callable[[ThresholdVersion], ThresholdVersion],
    ) -> DocList[ThresholdVersion]:
        answers = [await asyncio.to_thread(_answered, asked, work) for asked in docs]
        self._in_force.forget()
        return DocList[ThresholdVersion](answers)


def _answered(
    asked: ThresholdVersion, work: Callable[[ThresholdVersion], ThresholdVersion]
) -> ThresholdVersion:
    try:
        return work(asked)
    except AdError as error:
        asked.problem = problem_of(error)
    except SQLAlchemyError:
        logger.exception("thresholds could not be stored")
        asked.problem = Problem(code=Code.INTERNAL, detail="the thresholds could not be stored")
    return asked
