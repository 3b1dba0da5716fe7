"""The encoder's canary is embedded as an ad is, and each time the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from adjudicate.documents import Problem
from adjudicate.errors import Code
from executors.encoder.canary import CanaryVectors
from executors.encoder.executor import Encoder
from executors.shared.health.ad import canary_case
from executors.shared.health.canaries import CanaryFailed
from executors.shared.settings import EncoderSettings, ImageLimits, Settings


@pytest.fixture(scope="module")
def room(small_folder: Path) -> Iterator[Encoder]:
    settings = EncoderSettings(model=str(small_folder), precision="fp32")
    room = Encoder(settings=Settings(encoder=settings))
    yield room
    room.close()


async def test_it_passes_the_model_and_counts_as_no_document(room: Encoder) -> None:
    before, passes = room.work_done(), room.model.counters.forward_passes
    await room.try_canary()
    await room.try_canary()
    assert room.work_done() == before + 2
    assert room.model.counters.forward_passes > passes
    assert room.describe().counters["encoded"] == 0
    assert room.model.version in room.checks()["model"]()


@pytest.mark.parametrize("wrong", ["turned", "not finite", "half"])
async def test_a_model_that_says_otherwise_than_before_fails(
    room: Encoder, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    await room.try_canary()
    encode = room.model.encode_pixels

    def corrupt(pixels: list[object]) -> np.ndarray:
        vectors = encode(pixels)  # type: ignore[arg-type]
        changed = {"turned": np.roll(vectors, 7, 1), "not finite": vectors * np.nan}
        return changed.get(wrong, vectors / 2)

    monkeypatch.setattr(room.model, "encode_pixels", corrupt)
    with pytest.raises(CanaryFailed) as failed:
        await room.try_canary()
    assert not failed.value.outside


def test_a_limit_that_refuses_the_canary_is_no_fault_of_the_process() -> None:
    case = canary_case()
    for code, outside in ((Code.IMAGE_TOO_LARGE, True), (Code.OUT_OF_MEMORY, False)):
        case.problem = Problem(code=code, detail="x")
        with pytest.raises(CanaryFailed) as failed:
            CanaryVectors().check(case)
        assert failed.value.outside is outside


def test_the_canary_is_within_the_limits_of_the_shipped_settings() -> None:
    case, limits = canary_case(), ImageLimits()
    assert case.image is not None
    assert len(case.image) < 10_000 < limits.max_bytes
    assert len(case.text) < 10
