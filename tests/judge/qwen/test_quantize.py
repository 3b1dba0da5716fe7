"""The shipped model in fewer bits."""

from importlib import util

import numpy as np
import pytest
import torch

from adjudicate.errors import ConfigurationError
from executors.judge.backend import NEVER, Question
from executors.judge.calibration.temperature import probabilities
from executors.judge.qwen import quantize
from executors.judge.qwen.engine import Engine
from executors.judge.weights import weight_bytes
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, JudgeSettings
from models.render.claims import load_claims

LACKING = [name for name in quantize.NEEDS if util.find_spec(name) is None]
needs_library = pytest.mark.skipif(bool(LACKING), reason=f"{LACKING} not installed")


def _questions() -> list[Question]:
    rules = load_policy(ROOT / "policies").applicable(None, None)
    return [
        Question(claim.market, f"{claim.text}.", None, rules, explain_above=NEVER)
        for claim in load_claims()[::4]
    ]


def _engine(kind: str, device: str = "cpu") -> Engine:
    return Engine(JudgeSettings(quantization=kind, device=device, precision="fp32"))


def _bytes(model: torch.nn.Module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in model.parameters())


@pytest.fixture(scope="module")
def plain() -> np.ndarray:
    return probabilities(np.array(_engine("none").logits(_questions())), 1.0)


@needs_library
@pytest.mark.parametrize(("kind", "share", "apart"), [("int8", 0.4, 0.06), ("int4", 0.25, 0.3)])
def test_it_takes_a_part_of_the_memory_and_says_nearly_the_same(
    plain: np.ndarray, kind: str, share: float, apart: float
) -> None:
    engine = _engine(kind)
    said = probabilities(np.array(engine.logits(_questions())), 1.0)
    assert _bytes(engine.loaded.model) < share * weight_bytes(ROOT / "models" / "judge", "fp32")
    assert np.abs(said - plain).max() < apart
    assert not np.array_equal(said, plain), "nothing was quantized"


@needs_library
@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_what_an_ad_is_told_does_not_depend_on_its_batch(kind: str) -> None:
    engine, questions = _engine(kind), _questions()
    together = engine.logits(questions)
    alone = [engine.logits([question])[0] for question in questions[:4]]
    assert together[:4] == pytest.approx(alone, abs=1e-4)


@needs_library
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_on_a_gpu_the_weights_are_there_in_fewer_bits(plain: np.ndarray, kind: str) -> None:
    engine = _engine(kind, "cuda")
    assert {tensor.device.type for tensor in engine.loaded.model.parameters()} == {"cuda"}
    said = probabilities(np.array(engine.logits(_questions())), 1.0)
    assert np.abs(said - plain).max() < 0.3


@pytest.mark.parametrize("missing", quantize.NEEDS)
def test_a_missing_library_is_named_with_its_extra(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantize, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(ConfigurationError) as error:
        _engine("int8")
    assert str(error.value) == (
        f"ADJUDICATE_JUDGE__QUANTIZATION=int8 needs {missing}: pip install "
        "'adjudicate[quantized]', or set it to none."
    )
