"""A backend that says what a test wants, and keeps what it was asked."""

import asyncio
from collections.abc import Callable, Mapping

from executors.judge.backend import Opinion, Question

Says = Opinion | BaseException | Callable[[Question], Opinion]


class Scripted:
    """Says the same of every ad, or what comes next of a list."""

    name = "scripted"
    version = "test"
    device = "none"
    precision = "fp32"
    style = "full"
    max_copy = 100
    max_aspect = 2.0

    def __init__(self, *says: Says) -> None:
        self._says = list(says)
        self.asked: list[Question] = []
        self.gate: asyncio.Event | None = None
        """While it is there and not set, nobody is answered."""

    async def judge(self, question: Question, deadline: float | None = None) -> Opinion:
        says = self._says[min(len(self.asked), len(self._says) - 1)]
        self.asked.append(question)
        if self.gate is not None:
            await self.gate.wait()
        if isinstance(says, BaseException):
            raise says
        return says if isinstance(says, Opinion) else says(question)

    def facts(self) -> Mapping[str, str]:
        return {}

    def counters(self) -> Mapping[str, int]:
        return {"judged": len(self.asked)}

    def close(self) -> None:
        pass
