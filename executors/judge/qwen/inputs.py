"""From a question to tokens, their positions and patches: all that needs no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from executors.judge.backend import SCALED_DOWN, Question, QuestionRefused
from executors.judge.qwen.admission import Admission, Load
from executors.judge.qwen.chat import Chat
from executors.judge.qwen.picture import PictureRule
from executors.judge.qwen.positions import Places, positions
from executors.judge.qwen.vision import Grid


@dataclass(frozen=True)
class Prepared:
    """A question as the model takes it."""

    question: Question
    prefix: tuple[int, ...]
    """Tokens of the shared prefix; may be empty."""
    tokens: Places
    """`[L]`, those behind it, the picture's among them."""
    places: Places
    """`[3, L]`, their positions."""
    behind: int
    """The position of whatever comes next."""
    grid: Grid | None
    patches: Tensor | None
    """`[rows · columns, channels · patch · patch]` uint8."""
    load: Load
    notes: tuple[str, ...]
    deadline: float | None
    """Unix time, seconds."""


class Inputs:
    """Prepares questions. Safe to call from several threads."""

    def __init__(
        self,
        chat: Chat,
        pictures: PictureRule,
        admission: Admission,
        max_new_tokens: int,
    ) -> None:
        self._chat = chat
        self._pictures = pictures
        self._admission = admission
        self._max_new_tokens = max_new_tokens
        self._labels = len(chat.verdict.start) + len(chat.instruction.start)

    def prepare(self, question: Question, deadline: float | None = None) -> Prepared:
        """Return the question ready for a batch, its picture small enough to fit alone.

        Raises `QuestionRefused` for an ad that cannot be asked about.
        """
        image = question.image
        prefix, tokens = self._chat.tokens(
            market=question.market,
            copy=question.copy,
            has_image=image is not None,
            rules=question.rules,
        )
        if image is None:
            load = self._load(question, prefix, len(tokens), 0)
            places, behind = positions(len(tokens), len(prefix), None)
            ids = np.array(tokens, dtype=np.int64)
            return Prepared(question, prefix, ids, places, behind, None, None, load, (), deadline)
        grid, load, notes = self._admitted(question, prefix, len(tokens), image.size)
        first = tokens.index(self._chat.image_token)
        merged = (grid[0] // self._pictures.merge, grid[1] // self._pictures.merge)
        seen = [self._chat.image_token] * (merged[0] * merged[1])
        ids = np.array([*tokens[:first], *seen, *tokens[first + 1 :]], dtype=np.int64)
        places, behind = positions(len(ids), len(prefix), (first, merged))
        patches = self._pictures.patches(image, grid)
        return Prepared(question, prefix, ids, places, behind, grid, patches, load, notes, deadline)

    def _admitted(
        self, question: Question, prefix: tuple[int, ...], tokens: int, size: tuple[int, int]
    ) -> tuple[Grid, Load, tuple[str, ...]]:
        """The largest grid with which the ad fits into memory alone."""
        try:
            grid = self._pictures.grid(size)
        except ValueError as error:
            raise QuestionRefused(
                f"the picture has no shape that the judge sees: {error}"
            ) from None
        load = self._load(question, prefix, tokens, grid[0] * grid[1])
        most = self._admission.largest_patches(load)
        if most >= load.patches:
            return grid, load, ()
        grid = self._pictures.grid(size, max(most, self._pictures.merge**2))
        return grid, self._load(question, prefix, tokens, grid[0] * grid[1]), (SCALED_DOWN,)

    def _load(self, question: Question, prefix: tuple[int, ...], tokens: int, patches: int) -> Load:
        merged = patches // self._pictures.merge**2
        return Load(
            patches=patches,
            # The picture is one of the tokens so far; both label passes ride along.
            tokens=tokens + max(0, merged - 1) + self._labels,
            new_tokens=self._max_new_tokens if question.explain_above < 1 else 0,
            prefix=len(prefix),
        )
