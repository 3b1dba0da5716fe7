"""Batched, shared and packed, a judge says what the plain path says of each ad alone."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks._plain_judge import PlainJudge
from executors.judge.backend import ALWAYS, NEVER, SCALED_DOWN, Opinion, Question
from executors.judge.prompt import INSTRUCTION_PREFIX, VERDICT_PREFIX
from executors.judge.qwen.engine import Engine
from executors.shared.passes import OutOfMemory
from executors.shared.policy import Policy
from executors.shared.settings import JudgeSettings
from tests.judge.qwen.conftest import noise

TOLERANCE = 1e-4
"""Of a logit, in float32."""


def judged(engine: Engine, questions: Sequence[Question]) -> list[Opinion]:
    found = engine.opinions([engine.prepare(question) for question in questions])
    return [opinion for opinion in found if isinstance(opinion, Opinion)]


@pytest.fixture
def fresh(small_folder: Path) -> Engine:
    """One that nothing has happened to yet."""
    return Engine(JudgeSettings(model=str(small_folder), device="cpu", max_new_tokens=12))


def test_label_passes_are_those_of_the_plain_path(
    engine: Engine, plain: PlainJudge, questions: list[Question]
) -> None:
    rows = [engine.prepare(question) for question in questions]
    expected = [plain.logit(question, VERDICT_PREFIX) for question in questions]
    assert engine.logits(questions) == pytest.approx(expected, abs=TOLERANCE)
    temperature = engine.loaded.config.temperature
    opinions = [opinion for opinion in engine.opinions(rows) if isinstance(opinion, Opinion)]
    for opinion, question, logit in zip(opinions, questions, expected, strict=True):
        assert opinion.violation == pytest.approx(sigmoid(logit / temperature), abs=TOLERANCE)
        instruction = plain.logit(question, INSTRUCTION_PREFIX)
        assert opinion.instruction == pytest.approx(sigmoid(instruction), abs=TOLERANCE)


def test_answers_are_those_of_the_plain_path_within_the_grammar(
    engine: Engine, plain: PlainJudge, questions: list[Question]
) -> None:
    written = [opinion.written for opinion in judged(engine, questions)]
    assert written == [plain.answer(question) for question in questions]


def test_an_opinion_does_not_depend_on_the_batch_or_its_order(
    engine: Engine, questions: list[Question]
) -> None:
    together = judged(engine, questions)
    logits = engine.logits(questions)
    order = list(range(len(questions)))
    random.Random(5).shuffle(order)
    for places in ([place] for place in order), [order[:3], order[3:]], [order]:
        for part in places:
            asked = [questions[place] for place in part]
            again = [logits[place] for place in part]
            assert engine.logits(asked) == pytest.approx(again, abs=TOLERANCE)
            for opinion, place in zip(judged(engine, asked), part, strict=True):
                assert opinion.written == together[place].written
                for name in ("violation", "instruction"):
                    expected = getattr(together[place], name)
                    assert getattr(opinion, name) == pytest.approx(expected, abs=TOLERANCE)


def test_answers_are_written_only_above_the_probability_that_a_question_says(
    small: Engine, policy: Policy
) -> None:
    rules = policy.applicable("US", None)
    asked = [Question("US", f"Ad number {number}", None, rules, NEVER) for number in range(4)]
    before = judged(small, asked)
    assert all(opinion.written is None for opinion in before)
    middle = sorted(opinion.violation for opinion in before)[1]
    after = judged(small, [replace(question, explain_above=middle) for question in asked])
    assert [opinion.written is not None for opinion in after] == [
        opinion.violation > middle for opinion in before
    ]
    always = judged(small, [replace(question, explain_above=ALWAYS) for question in asked])
    for opinion, one in zip(after, always, strict=True):
        assert opinion.written in (None, one.written)


def test_an_answer_that_runs_on_is_cut_off_where_the_model_says(
    small_folder: Path, small: Engine, questions: list[Question]
) -> None:
    short = Engine(JudgeSettings(model=str(small_folder), device="cpu", max_new_tokens=9))
    before, after = judged(small, questions[:2]), judged(short, questions[:2])
    for whole, cut in zip(before, after, strict=True):
        assert whole.written is not None
        assert cut.written is not None
        assert whole.written.startswith(cut.written)
        assert len(cut.written) < len(whole.written)


def test_no_answer_is_begun_past_the_deadline(small: Engine, questions: list[Question]) -> None:
    late, soon = (small.prepare(questions[1], time.time() + seconds) for seconds in (-1.0, 60.0))
    given = small.opinions([late, soon])
    assert [isinstance(o, Opinion) and o.written is not None for o in given] == [False, True]


def test_eager_attention_says_the_same(
    small_folder: Path, small: Engine, questions: list[Question]
) -> None:
    eager = Engine(JudgeSettings(model=str(small_folder), device="cpu", attention="eager"))
    asked = questions[:4]
    assert eager.logits(asked) == pytest.approx(small.logits(asked), abs=TOLERANCE)
    ours, theirs = judged(small, asked), judged(eager, asked)
    assert [each.written for each in ours] == [each.written for each in theirs]


def test_a_picture_that_alone_would_not_fit_is_scaled_down_and_says_so(
    small_folder: Path, policy: Policy
) -> None:
    rules = policy.applicable("US", None)
    large = Question("US", "Large", noise(200, 180), rules, NEVER)
    whole = Engine(JudgeSettings(model=str(small_folder), device="cpu"))
    prepared = whole.prepare(large)
    tight = Engine(
        JudgeSettings(
            model=str(small_folder), device="cpu", memory_bytes=_bytes(whole, large) * 7 // 10
        )
    )
    reduced = tight.prepare(large)
    assert reduced.notes == (SCALED_DOWN,)
    assert prepared.notes == ()
    assert 0 < reduced.load.patches < prepared.load.patches
    opinion = judged(tight, [large])[0]
    assert opinion.notes == (SCALED_DOWN,)


def test_out_of_memory_is_one_ads_own_and_smaller_batches_serve_the_others(
    fresh: Engine, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [question for question in questions if question.image is None]
    expected = judged(fresh, asked)
    passes = fresh._passes
    sizes = []
    real = passes.judge

    def scarce(rows: Sequence[object]) -> object:
        sizes.append(len(rows))
        if len(rows) > 2 or rows[0].question is asked[1]:  # type: ignore[attr-defined]
            raise MemoryError("no more")
        return real(rows)  # type: ignore[arg-type]

    monkeypatch.setattr(passes, "judge", scarce)
    found = fresh.opinions([fresh.prepare(question) for question in asked])
    assert max(sizes) > 2
    assert isinstance(found[1], OutOfMemory)
    kept = [opinion for opinion in found if isinstance(opinion, Opinion)]
    others = expected[:1] + expected[2:]
    assert [opinion.written for opinion in kept] == [opinion.written for opinion in others]


def test_out_of_memory_while_writing_does_not_judge_again(
    fresh: Engine, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = judged(fresh, questions[:4])
    writer, passes = fresh._writer, fresh._passes
    write, judge = writer.write, passes.judge
    wrote, judged_sizes = [], []

    def scarce(rows: object, before: object, chosen: Sequence[int]) -> object:
        wrote.append(len(chosen))
        if len(chosen) > 2:
            raise MemoryError("no more")
        return write(rows, before, chosen)  # type: ignore[arg-type]

    def counted(rows: Sequence[object]) -> object:
        judged_sizes.append(len(rows))
        return judge(rows)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "write", scarce)
    monkeypatch.setattr(passes, "judge", counted)
    found = judged(fresh, questions[:4])
    assert [opinion.written for opinion in found] == [opinion.written for opinion in expected]
    assert judged_sizes == [4]
    assert wrote[0] == sum(wrote[1:]) == 4
    assert max(wrote[1:]) <= 2


def test_numbers_that_are_none_are_an_error(
    small: Engine, questions: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = small.loaded.model.lm_head
    monkeypatch.setattr(head, "forward", lambda hidden: hidden @ head.weight.T * float("nan"))
    with pytest.raises(ArithmeticError):
        small.logits(questions[:1])


def sigmoid(logit: float) -> float:
    return 1 / (1 + 2.718281828459045**-logit)


def _bytes(engine: Engine, question: Question) -> int:
    from executors.judge.qwen.admission import predict_bytes

    return predict_bytes(engine.shape, [engine.prepare(question).load])
