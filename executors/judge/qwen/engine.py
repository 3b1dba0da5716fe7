"""A Qwen2-VL that judges batches of prepared questions. Synchronous, one batch at a time."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Sequence

import torch

from executors.judge.backend import Opinion, Question, Tokens
from executors.judge.prompt import Style
from executors.judge.qwen.admission import Admission, Shape
from executors.judge.qwen.chat import Chat
from executors.judge.qwen.grammar import Grammar
from executors.judge.qwen.inputs import Inputs, Prepared
from executors.judge.qwen.loading import load
from executors.judge.qwen.passes import Judged, Passes
from executors.judge.qwen.picture import PictureRule
from executors.judge.qwen.prefix import PrefixCache
from executors.judge.qwen.writing import Writer
from executors.shared.memory import give_back
from executors.shared.passes import OutOfMemory, PassBytes
from executors.shared.settings import JudgeSettings

_PREFIX_BYTES = 512 * 1024 * 1024
"""Of the prefix cache, or a tenth of what one batch may take where that is less."""


_NOTHING: tuple[str | None, int] = (None, 0)
"""The answer of a row that was asked for none, and its tokens."""


class Engine:
    """The model with all that leads to it. `prepare` is safe from several threads; the rest waits
    for its turn, as the model has one user at a time.

    Deterministic: in float32 an ad's logits do not depend on what it is batched with beyond 1e-4,
    and so neither do its answers but where two tokens tie that closely.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        """Load the model. Raises `ConfigurationError` with what to set."""
        self.loaded = load(settings)
        config = self.loaded.config
        self.style: Style = config.prompt if settings.prompt == "auto" else settings.prompt
        processor, model = self.loaded.processor, self.loaded.model
        eager = settings.attention == "eager"
        device = self.loaded.device
        self.shape = Shape.of(
            model.config,
            self.loaded.precision,
            settings.attention,
            "cuda" if device.type == "cuda" else "cpu",
        )
        self._admission = Admission(
            self.shape, device, settings.memory_share, settings.max_batch, settings.memory_bytes
        )
        chat = Chat(processor, self.style)
        pictures = PictureRule.of(processor.image_processor, config, settings.max_pixels)
        self._inputs = Inputs(chat, pictures, self._admission, config.max_new_tokens)
        self._chat = chat
        self._cache = PrefixCache(
            model.model.language_model,
            min(_PREFIX_BYTES, self._admission.budget() // 10),
            eager=eager,
        )
        self._passes = Passes(self.loaded, chat, pictures, self._cache, eager=eager)
        grammar = Grammar(
            processor.tokenizer,
            model.config.text_config.vocab_size,
            rationale=self.style == "full",
            threads=settings.threads,
        )
        self._writer = Writer(self.loaded, grammar, config.max_new_tokens, eager=eager)
        self._judging: PassBytes[Prepared] = PassBytes(self._fits)
        self._writing: PassBytes[tuple[int, Prepared]] = PassBytes(
            lambda pairs, share: self._fits([row for _, row in pairs], share)
        )
        self._lock = threading.Lock()
        # All there from the start: they are read while another thread counts.
        self._counts = Counter(
            dict.fromkeys(("judged", "batches", "answers", "prompt_tokens", "written_tokens"), 0)
        )

    def prepare(self, question: Question, deadline: float | None = None) -> Prepared:
        """Return the question ready for a batch. Raises `QuestionRefused`."""
        return self._inputs.prepare(question, deadline)

    def opinions(self, rows: Sequence[Prepared]) -> list[Opinion | OutOfMemory]:
        """Return the opinion on each, in order, or the error of one that fits in no memory."""
        order = _neighbours(rows)
        with self._lock, torch.inference_mode():
            found = self._judging.run([rows[place] for place in order], self._batch, give_back)
        results = dict(zip(order, found, strict=True))
        return [results[place] for place in range(len(rows))]

    def logits(self, questions: Sequence[Question]) -> list[float]:
        """Return each question's `logit(true) - logit(false)` of a violation, uncalibrated.

        For calibration: the probability is the sigmoid of it by the model's temperature. Raises
        `OutOfMemory` if one fits in no memory, `QuestionRefused` as `prepare`.
        """
        rows = [self.prepare(question) for question in questions]
        order = _neighbours(rows)
        with self._lock, torch.inference_mode():
            found = self._judging.run(
                [rows[place] for place in order],
                lambda part: self._passes.judge(part).violation,
                give_back,
            )
        for each in found:
            if isinstance(each, OutOfMemory):
                raise each
        results = dict(zip(order, found, strict=True))
        return [results[place] for place in range(len(rows))]  # type: ignore[misc]

    def counters(self) -> dict[str, int]:
        """What was done: `judged`, `batches`, `answers`, tokens, computed prefixes."""
        return {**self._counts, "prefixes": self._cache.computed}

    def _batch(self, rows: Sequence[Prepared]) -> list[Opinion | OutOfMemory]:
        judged = self._passes.judge(rows)
        temperature = self.loaded.config.temperature
        violation = [_sigmoid(logit / temperature) for logit in judged.violation]
        instruction = [_sigmoid(logit) for logit in judged.instruction]
        now = time.time()
        chosen = [
            place
            for place, (row, probability) in enumerate(zip(rows, violation, strict=True))
            if probability > row.question.explain_above
            and (row.deadline is None or now < row.deadline)
        ]
        written = self._answers(rows, judged, chosen)
        self._counts.update(
            judged=sum(not row.question.canary for row in rows),
            batches=1,
            answers=len(chosen),
            prompt_tokens=sum(map(_read_tokens, rows)),
        )
        opinions: list[Opinion | OutOfMemory] = []
        for place, row in enumerate(rows):
            answer = written.get(place, _NOTHING)
            if isinstance(answer, OutOfMemory):
                opinions.append(answer)
                continue
            text, count = answer
            tokens = Tokens(_read_tokens(row), count)
            opinions.append(
                Opinion(violation[place], instruction[place], text, row.notes, tokens=tokens)
            )
        return opinions

    def _answers(
        self, rows: Sequence[Prepared], judged: Judged, chosen: Sequence[int]
    ) -> dict[int, tuple[str | None, int] | OutOfMemory]:
        """The answers of the chosen rows, each with its tokens."""
        if not chosen:
            return {}
        pairs = [(place, rows[place]) for place in chosen]
        found = self._writing.run(
            pairs,
            lambda part: self._writer.write(rows, judged, [place for place, _ in part]),
            give_back,
        )
        answers: dict[int, tuple[str | None, int] | OutOfMemory] = {}
        for place, tokens in zip(chosen, found, strict=True):
            if isinstance(tokens, OutOfMemory):
                answers[place] = tokens
            else:
                answers[place] = self._chat.text(tokens), len(tokens)
                self._counts["written_tokens"] += len(tokens)
        return answers

    def _fits(self, rows: Sequence[Prepared], share: float) -> int:
        return self._admission.fill([row.load for row in rows], share)


def _read_tokens(row: Prepared) -> int:
    return row.load.tokens + row.load.prefix


def _neighbours(rows: Sequence[Prepared]) -> list[int]:
    """The places of the rows, those with the same prefix side by side, else in order."""
    first: dict[tuple[int, ...], int] = {}
    for place, row in enumerate(rows):
        first.setdefault(row.prefix, place)
    return sorted(range(len(rows)), key=lambda place: first[rows[place].prefix])


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else 1 - 1 / (1 + math.exp(logit))
