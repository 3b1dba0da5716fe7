"""Labelled rows through the shipped model: which are judged, which refused, and by what logits."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adjudicate.calibration.labelled import labelled_at
from adjudicate.errors import ConfigurationError
from executors.judge.backend import Opinion, Question
from executors.judge.calibration.judging import Judged, judge_labelled, logits_of
from executors.judge.calibration.temperature import probabilities
from executors.judge.qwen.backend import QwenBackend
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, ImageLimits, JudgeSettings


@pytest.fixture(scope="module")
def judge() -> Iterator[QwenBackend]:
    backend = QwenBackend(JudgeSettings())
    yield backend
    backend.close()


def _rows(folder: Path, rows: list[tuple[str, str, str, str]]) -> Path:
    path = folder / "labelled.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "text", "label", "group"))
        writer.writerows(rows)
    return path


def _picture(path: Path, size: tuple[int, int], colour: str = "red") -> None:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())


def _judged(judge: QwenBackend, path: Path, done: list[int] | None = None) -> Judged:
    policy = load_policy(ROOT / "policies")
    advance = (done if done is not None else []).append
    asked = logits_of(judge, 1.0)
    return judge_labelled(labelled_at(path), asked, judge, policy, ImageLimits(), advance)


def test_logits_give_the_probabilities_that_the_room_would(
    judge: QwenBackend, tmp_path: Path
) -> None:
    texts = ["Cures diabetes in a week.", "A cup of tea.", "Guaranteed weight loss!"]
    path = _rows(tmp_path, [("", text, "cure", "") for text in texts])
    logits, truth = _judged(judge, path).arrays()
    rules = load_policy(ROOT / "policies").applicable(None, None)
    said = judge.judge_all([Question("any", text, None, rules) for text in texts])
    temperature = judge.engine.loaded.config.temperature
    served = [opinion.violation for opinion in said]
    assert probabilities(logits, temperature) == pytest.approx(np.array(served), abs=1e-5)
    assert truth.all()


def test_rows_that_the_room_would_not_judge_are_refused_by_their_number(
    judge: QwenBackend, tmp_path: Path
) -> None:
    _picture(tmp_path / "long.png", (600, 40))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    done: list[int] = []
    path = _rows(
        tmp_path,
        [
            ("", "fine", "compliant", ""),
            ("", "x" * (judge.max_copy + 1), "compliant", ""),
            ("long.png", "", "cure", ""),
            ("broken.png", "", "cure", ""),
            ("gone.png", "", "cure", ""),
            ("", "no label", "", ""),
            ("", "Cures all.", "cure", ""),
        ],
    )
    judged = _judged(judge, path, done)
    assert (len(judged.logits), judged.truth, done) == (2, [False, True], [7])
    assert [said.split(":")[0] for said in judged.refused] == [f"row {n}" for n in (3, 4, 5, 6, 7)]
    assert "copy is longer" in judged.refused[0]
    assert "picture is longer" in judged.refused[1]


def test_ads_that_share_picture_words_or_group_are_one_group(
    judge: QwenBackend, tmp_path: Path
) -> None:
    for name, colour in (("a.png", "red"), ("b.png", "red"), ("c.png", "blue")):
        _picture(tmp_path / name, (200, 200), colour)
    rows = [
        ("a.png", "", "cure", ""),
        ("b.png", "Some  Words", "cure", ""),
        ("", "some words", "compliant", ""),
        ("c.png", "", "cure", "campaign"),
        ("", "others", "cure", "campaign"),
    ]
    groups = _judged(judge, _rows(tmp_path, rows)).groups
    assert groups[0] == groups[1] == groups[2]
    assert groups[3] == groups[4] != groups[0]


class _Server:
    """A backend that gives probabilities and no logits, as a client of a server does."""

    name = "theirs"

    def __init__(self, how: str) -> None:
        self._how = how

    async def judge(self, question: Question, deadline: float | None = None) -> Opinion:
        return Opinion(0.8 if question.copy == "bad" else 1.0, 0.0, None)

    def facts(self) -> dict[str, str]:
        return {"probability": self._how}


def test_a_servers_probabilities_are_turned_back_into_logits() -> None:
    asked = logits_of(_Server("logprobs"), temperature=2.0)  # type: ignore[arg-type]
    logits = asked([Question("any", text, None, ()) for text in ("bad", "worse")])
    assert probabilities(np.array(logits), 2.0)[0] == pytest.approx(0.8)
    assert np.isfinite(logits[1])
    silent = logits_of(_Server("verdict only"), temperature=1.0)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="without probabilities"):
        silent([Question("any", "bad", None, ())])
