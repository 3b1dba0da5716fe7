"""The peak of a batch is known before it runs: the terms, and the measured truth within 1.3."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks._judge_gpu import QWEN2_VL_7B, config_of
from benchmarks._peak import Case, measured_apart
from benchmarks._random_judge import random_judge
from benchmarks.judge_memory import WIDE, on_a_cpu, on_a_gpu
from executors.judge.qwen.peak import Load, Shape, predict_bytes, softmax_bytes
from executors.shared.settings import load_settings

GIB = 2**30
HUGE = 240 * 272
"""Patches of a picture of 12,845,056 pixels."""


def shape_7b(attention: str, precision: str = "bf16") -> Shape:
    return Shape.of(config_of(QWEN2_VL_7B), precision, attention, "cuda")  # type: ignore[arg-type]


def ad(patches: int, text: int = 100, **of: int) -> Load:
    return Load(patches, patches // 4 + text, **of)


def test_one_softmax_of_the_reported_picture_is_254_gib() -> None:
    assert softmax_bytes(shape_7b("eager"), HUGE) == 16 * 65_280**2 * 4
    assert round(softmax_bytes(shape_7b("eager"), HUGE) / GIB, 2) == 254.00
    # Beside the softmax stand the scores that it is made of, and their copy.
    assert predict_bytes(shape_7b("eager"), [ad(HUGE)]) > 2 * 254 * GIB
    assert predict_bytes(shape_7b("sdpa"), [ad(HUGE)]) < 8 * GIB


def test_a_prediction_never_falls_when_an_ad_is_added_or_grows() -> None:
    loads = [ad(400, new_tokens=64, prefix=300), ad(0, 50), ad(4_000), ad(16, 2_000, prefix=900)]
    for attention in ("sdpa", "eager"):
        shape = shape_7b(attention)
        peaks = [predict_bytes(shape, loads[:count]) for count in range(len(loads) + 1)]
        assert peaks == sorted(peaks)
        assert peaks[0] == 0
        base = predict_bytes(shape, loads)
        for grown in (
            replace(loads[0], patches=90_000),
            replace(loads[0], tokens=9_000),
            replace(loads[0], new_tokens=90_000),
            replace(loads[0], prefix=9_000),
        ):
            assert predict_bytes(shape, [grown, *loads[1:]]) > base


def test_eager_attention_counts_the_largest_picture_and_sdpa_their_sum() -> None:
    eager, sdpa = shape_7b("eager"), shape_7b("sdpa")
    one = ad(8_000, 10)
    eager_growth = predict_bytes(eager, [one] * 4) / predict_bytes(eager, [one])
    sdpa_growth = predict_bytes(sdpa, [one] * 4) / predict_bytes(sdpa, [one])
    assert eager_growth < 1.3
    assert sdpa_growth > 3.5


def test_answers_cost_the_keys_and_values_of_their_room() -> None:
    shape = shape_7b("sdpa")
    per_token = 2 * 28 * 4 * 128 * 2  # keys and values, layers, their heads, head, bf16
    few, many = (predict_bytes(shape, [ad(0, 10, new_tokens=new)]) for new in (10_000, 20_000))
    assert many - few == 10_000 * per_token


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(random_judge(tmp_path_factory.mktemp("wide"), WIDE, side=None, max_new_tokens=48))


@pytest.mark.parametrize(
    "case",
    [
        Case("pictures", "", ((616, 10), (0, 40), (224, 10))),
        Case("eager", "", ((448, 10), (0, 20)), attention="eager"),
    ],
    ids=lambda case: case.name,
)
def test_the_measured_peak_is_within_a_third(case: Case, wide: str) -> None:
    peak = measured_apart(replace(case, folder=wide))
    assert peak.measured > 50 * 2**20
    assert 1 / 1.3 <= peak.ratio <= 1.3


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(on_a_cpu("", "", ""))))
def test_the_measured_peak_of_every_case_is_within_a_third(place: int, wide: str) -> None:
    case = on_a_cpu(load_settings().judge.model, wide, wide)[place]
    peak = measured_apart(case)
    assert 1 / 1.3 <= peak.ratio <= 1.3


@pytest.mark.gpu
@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("place", range(len(on_a_cpu("", "", ""))))
def test_the_gpus_peak_is_within_a_third(place: int, wide: str) -> None:
    case = on_a_gpu(on_a_cpu(load_settings().judge.model, wide, wide))[place]
    peak = measured_apart(case)
    assert 1 / 1.3 <= peak.ratio <= 1.3
