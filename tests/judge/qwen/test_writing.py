"""Answers cost no more steps than they have choices, and no row is carried on when it has ended."""

import time
from collections.abc import Sequence

import pytest

from executors.judge.backend import Question
from executors.judge.prompt import full_answer
from executors.judge.qwen.engine import Engine
from executors.judge.qwen.writing import Writer, _Answer


@pytest.fixture
def steps(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many answers go through the model in each step."""
    sizes: list[int] = []
    step = Writer._step

    def counted(self: Writer, alive: Sequence[object], keys: object) -> object:
        sizes.append(len(alive))
        return step(self, alive, keys)  # type: ignore[arg-type]

    monkeypatch.setattr(Writer, "_step", counted)
    return sizes


def written(engine: Engine, questions: Sequence[Question]) -> int:
    before = engine.counters()["written_tokens"]
    engine.opinions([engine.prepare(question) for question in questions])
    return engine.counters()["written_tokens"] - before


def test_what_the_grammar_forces_takes_no_step_of_its_own(
    engine: Engine, questions: list[Question], steps: list[int]
) -> None:
    tokens = written(engine, questions[:1])
    forced = engine.loaded.processor.tokenizer('{"claims": [{"from": "')["input_ids"]
    assert len(steps) <= tokens - len(forced) + 2


def test_answers_that_have_ended_leave_the_others_alone(
    engine: Engine, questions: list[Question], steps: list[int]
) -> None:
    alone = []
    for question in questions:
        steps.clear()
        written(engine, [question])
        alone.append(len(steps))
    steps.clear()
    written(engine, questions)
    assert len(steps) == max(alone)
    assert steps == sorted(steps, reverse=True)
    assert sum(steps) == sum(alone)


def test_an_answer_stops_where_its_deadline_passes(
    engine: Engine, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [engine.prepare(question, time.time() + 3600) for question in questions[:2]]
    step, late = Writer._step, []

    def clock() -> float:
        return real() + 7200 * bool(late)

    def then_late(self: Writer, alive: Sequence[object], keys: object) -> object:
        late.append(True)
        return step(self, alive, keys)  # type: ignore[arg-type]

    real = time.time
    monkeypatch.setattr("executors.judge.qwen.writing.time.time", clock)
    monkeypatch.setattr(Writer, "_step", then_late)
    engine.opinions(rows)
    assert len(late) == 1


def test_an_answer_ends_with_its_last_bracket(
    engine: Engine, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer = engine.loaded.processor.tokenizer
    taught = full_answer([("copy", "Treats arthritis")], [])
    tokens = tokenizer(taught)["input_ids"]

    def choose_as_taught(self: Writer, alive: Sequence[_Answer], logits: object) -> None:
        for answer in alive:
            # Behind the end it would begin anew, if it were asked.
            answer.take(tokens[len(answer.written) % len(tokens)])

    monkeypatch.setattr(Writer, "_choose", choose_as_taught)
    opinion = engine.opinions([engine.prepare(questions[1])])[0]
    assert getattr(opinion, "written", None) == taught
