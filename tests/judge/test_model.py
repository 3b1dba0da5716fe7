"""Loading: one clear sentence when the model is not there, and the shipped one as it is."""

import json
import os
import stat
from pathlib import Path

import pytest
from PIL import Image

from adjudicate.errors import ConfigurationError
from executors.judge.model import Question, QwenJudge
from executors.judge.model_config import ModelConfig, read_model_config
from executors.shared.settings import ROOT, JudgeSettings

SHIPPED = ROOT / "models" / "judge"


@pytest.fixture(scope="module")
def judge() -> QwenJudge:
    return QwenJudge(JudgeSettings())


def test_a_missing_model_is_one_sentence_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ADJUDICATE_JUDGE__MODEL") as error:
        QwenJudge(JudgeSettings(model=str(tmp_path)))
    assert "\n" not in str(error.value)


def test_a_model_without_a_judge_config_is_asked_in_full(tmp_path: Path) -> None:
    assert read_model_config(tmp_path) == ModelConfig()
    assert read_model_config(tmp_path).prompt == "full"


@pytest.mark.parametrize("content", ["{", '{"prompt": "long"}', '{"temperature": 0}', '{"a": 1}'])
def test_a_wrong_judge_config_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "judge_config.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"judge_config\.json"):
        read_model_config(tmp_path)


def test_the_shipped_model_is_small_readable_by_all_and_has_its_card() -> None:
    weights = SHIPPED / "model.safetensors"
    assert weights.stat().st_size <= 10_000_000
    for path in SHIPPED.iterdir():
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o444 == 0o444
    assert "Apache-2.0" in (SHIPPED / "CARD.md").read_text(encoding="utf-8")
    assert json.loads((SHIPPED / "judge_config.json").read_text())["prompt"] == "compact"


def test_the_shipped_model_runs_in_fp32_on_a_cpu_with_sdpa() -> None:
    judge = QwenJudge(JudgeSettings(device="cpu"))
    assert judge.precision == "fp32"
    assert judge._model.config._attn_implementation == "sdpa"


def test_an_ads_probability_does_not_depend_on_its_batch(judge: QwenJudge) -> None:
    picture = Image.new("RGB", (300, 200), "navy")
    questions = [
        Question("CN", "新品：无效退款！", None, ()),
        Question("EU", "", picture, ()),
        Question("US", "Treats arthritis. Order today at Oakwell. Terms apply.", picture, ()),
    ]
    together = judge.probabilities(questions)
    alone = [judge.probabilities([question])[0] for question in questions]
    assert together == pytest.approx(alone, abs=1e-4)


def test_a_huge_picture_costs_no_more_tokens_than_allowed(judge: QwenJudge) -> None:
    huge = Image.new("RGB", (6000, 4000), "white")
    inputs = judge._inputs([Question("US", "", huge, ())], "")
    assert inputs["pixel_values"].shape[0] * 14 * 14 <= judge._size.longest_edge
