"""Batches are filled up to the memory's budget, and a picture that is too large is scaled down."""

from __future__ import annotations

import asyncio
import math

import pytest
import torch
from PIL import Image

from benchmarks._judge_gpu import QWEN2_VL_7B, config_of
from benchmarks._random_judge import SMALL, random_judge
from executors.judge.backend import ALWAYS, SCALED_DOWN, Opinion, Question
from executors.judge.model_config import PictureSize
from executors.judge.qwen.admission import Admission, Load, Shape, predict_bytes, with_patches
from executors.judge.qwen.backend import QwenBackend
from executors.judge.qwen.picture import PictureRule
from executors.shared.memory import free_bytes
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, JudgeSettings

GIB = 2**30
CPU = torch.device("cpu")
EAGER_7B = Shape.of(config_of(QWEN2_VL_7B), "bf16", "eager", "cuda")
REPORTED = (3_808, 3_360)
"""Width and height of a picture just below 12,845,056 pixels."""


def admission(
    cap: int | None, shape: Shape = EAGER_7B, most: int = 32, share: float = 1.0
) -> Admission:
    return Admission(shape, CPU, share, most, cap)


@pytest.fixture
def plenty(monkeypatch: pytest.MonkeyPatch) -> None:
    """More memory than any cap."""
    monkeypatch.setattr("executors.judge.qwen.admission.free_bytes", lambda device: 1e15)


def ad(patches: int, text: int = 100) -> Load:
    return Load(patches, patches // 4 + text, new_tokens=64, prefix=500)


def rule(longest: int) -> PictureRule:
    levels = (127.5,) * 3
    size = PictureSize(shortest_edge=56 * 56, longest_edge=longest)
    return PictureRule(size, False, 14, 2, levels, levels)


def test_the_reported_picture_is_resized_to_what_the_budget_holds(plenty: None) -> None:
    pictures, cap = rule(12_845_056), 40 * GIB
    grid = pictures.grid(REPORTED)
    assert grid == (240, 272)
    load = ad(math.prod(grid))
    assert predict_bytes(EAGER_7B, [load]) > 508 * GIB
    most = admission(cap).largest_patches(load)
    resized = pictures.grid(REPORTED, most)
    smaller = with_patches(EAGER_7B, load, math.prod(resized))
    assert predict_bytes(EAGER_7B, [smaller]) <= cap
    # No smaller than it must be: one more row and column of tokens would be too much.
    assert math.prod(resized) > 0.95 * most
    above = with_patches(EAGER_7B, load, most + 4)
    assert predict_bytes(EAGER_7B, [above]) > cap
    assert resized[0] / resized[1] == pytest.approx(240 / 272, rel=0.03)


def test_a_picture_that_fits_is_left_as_it_is(plenty: None) -> None:
    load = ad(1_024)
    assert admission(cap=40 * GIB).largest_patches(load) == 1_024
    assert admission(cap=1).largest_patches(load) == 0


def test_a_batch_takes_what_fits_and_always_one(plenty: None) -> None:
    loads = [ad(1_024) for _ in range(32)]
    cap = predict_bytes(EAGER_7B, loads[:5])
    assert admission(cap).fill(loads) == 5
    assert admission(cap - 1).fill(loads) == 4
    assert admission(1).fill(loads) == 1
    assert admission(None, most=3, share=1e9).fill(loads) == 3
    assert admission(cap).fill(loads[:2]) == 2
    assert admission(cap).fill(loads, scale=0.5) < 5
    with pytest.raises(ValueError, match="nothing"):
        admission(cap).fill([])


def test_the_budget_is_the_share_of_what_is_free_now_and_never_above_the_cap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = free_bytes(CPU)
    assert admission(None, share=0.5).budget() == pytest.approx(0.5 * free, rel=0.2)
    assert admission(1_000, share=0.5).budget() == 1_000
    # As when another process takes memory between two batches.
    monkeypatch.setattr("executors.judge.qwen.admission.free_bytes", lambda device: 1e6)
    assert admission(None, share=0.5).budget() == 500_000


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("small")
    return str(random_judge(folder, SMALL, side=4_000, max_new_tokens=8))


def test_an_ad_too_large_for_eager_attention_is_scaled_down_and_judged(small: str) -> None:
    """The picture of the 254 GiB report, on a small model under a small cap."""
    cap = 200 * 2**20
    backend = QwenBackend(
        JudgeSettings(
            model=small,
            device="cpu",
            precision="fp32",
            attention="eager",
            max_pixels=12_845_056,
            memory_bytes=cap,
        )
    )
    rules = tuple(load_policy(ROOT / "policies").rules.values())[:2]
    huge, little = (
        Question("any", "cures all", Image.new("RGB", size, "white"), rules, ALWAYS)
        for size in (REPORTED, (112, 112))
    )
    shape = Shape.of(backend.engine.loaded.model.config, "fp32", "eager")
    whole = Load(240 * 272, 240 * 272 // 4 + 50)
    assert predict_bytes(shape, [whole]) > 60 * GIB

    async def both() -> list[Opinion]:
        return await asyncio.gather(backend.judge(huge), backend.judge(little))

    try:
        prepared = backend.engine.prepare(huge)
        assert predict_bytes(shape, [prepared.load]) <= cap
        assert prepared.load.patches > 2_000
        scaled, plain = asyncio.run(both())
    finally:
        backend.close()
    assert scaled.notes == (SCALED_DOWN,)
    assert plain.notes == ()
    for opinion in (scaled, plain):
        assert 0 <= opinion.violation <= 1
        assert opinion.written
