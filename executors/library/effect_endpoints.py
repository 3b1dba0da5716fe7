"""The library room's endpoint for what another threshold would change."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import Problem, ThresholdEffect
from adjudicate.errors import AdError, Code, ServiceError
from executors.library.checks import problem_of
from executors.library.effect import HOURS, check_effect, fill_sampled
from executors.library.quality.endpoints import QualityRoom
from executors.library.threshold_endpoints import ThresholdRoom

logger = logging.getLogger(__name__)


class EffectRoom(ThresholdRoom, QualityRoom):
    """A room that has thresholds, and a sample of the ads that they screened."""

    @requests(on="/thresholds/effect")
    async def threshold_effect(
        self, docs: DocList[ThresholdEffect], **kwargs: Any
    ) -> DocList[ThresholdEffect]:
        """The documents with the threshold in force and the sampled ads; the ledger adds what
        people answered."""
        for asked in docs:
            asked.problem = asked.problem or await asyncio.to_thread(self._effect_problem, asked)
        return docs

    def _effect_problem(self, asked: ThresholdEffect) -> Problem | None:
        try:
            check_effect(asked)
            asked.hours = asked.hours or HOURS
            encoder, samples = self._watch.sampled(asked.hours)
            asked.encoder_version = encoder or self._in_force.last_encoder
            fill_sampled(asked, self._in_force.current(asked.encoder_version).active, samples)
        except AdError as error:
            return problem_of(error)
        except (SQLAlchemyError, ServiceError):
            logger.exception("the sample of the ads cannot be read or written")
            detail = "the sample of the ads cannot be read or written"
            return Problem(code=Code.INTERNAL, detail=detail)
        return None
