"""What is measured on a GPU runs on a CPU too, so that it is known to run."""

from __future__ import annotations

import pytest
import torch
from PIL import Image

from benchmarks import _judge_gpu
from executors.judge.backend import Question
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT

TINY: _judge_gpu.Sizes = {
    "text": {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 5_000,
    },
    "vision": {"depth": 1, "embed_dim": 32, "num_heads": 2, "hidden_act": "quick_gelu"},
    "mrope": [2, 2, 2],
    "tied": False,
}


def test_every_figure_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_judge_gpu, "_COPIED", 2**20)
    rules = tuple(load_policy(ROOT / "policies").rules.values())[:2]
    questions = [Question("any", "cures all", Image.new("RGB", (56, 56)), rules)] * 2
    rows = _judge_gpu.figures("tiny", TINY, questions, torch.device("cpu"), side=112, new_tokens=8)
    values = {row["name"]: row["value"] for row in rows}
    for mode in ("verdict", "verdict, answers for 30 %", "answers for all"):
        assert values[f"tiny: {mode}"] > 0
    assert values["tiny: 2 at a time, written"] > 0
    assert values["tiny: steps that the bandwidth allows"] > 0
    assert values["tiny: peak, answers, predicted"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_nothing_is_measured_and_a_line_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _judge_gpu.rows([]) == []
    assert "were not measured" in capsys.readouterr().out
