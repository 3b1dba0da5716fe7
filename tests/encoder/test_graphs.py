"""Compiled towers and CUDA graphs: few shapes, the same answers, and only where there is a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from adjudicate.errors import ConfigurationError
from executors.encoder.graphs import Bucketed, accelerated, bucket, padded
from executors.encoder.model import load
from executors.shared.settings import Compile, EncoderSettings
from tests.encoder.random_clip import pictures

CPU = torch.device("cpu")


def test_batches_come_in_powers_of_two() -> None:
    assert [bucket(n) for n in (1, 2, 3, 4, 5, 32, 33)] == [1, 2, 4, 4, 8, 32, 64]
    batch = torch.arange(3)
    assert padded(batch, 4).tolist() == [0, 1, 2, 2]
    assert padded(batch, 3) is batch


def test_what_is_padded_is_cut_off_again() -> None:
    seen: list[int] = []

    def tower(batch: torch.Tensor) -> torch.Tensor:
        seen.append(len(batch))
        return 2 * batch

    bucketed = Bucketed(tower)
    for n in range(1, 9):
        batch = torch.rand(n, 3)
        assert torch.equal(bucketed(batch), 2 * batch)
    assert set(seen) == {1, 2, 4, 8}


@pytest.mark.parametrize("how", ["compile", "cudagraphs"])
def test_without_a_gpu_it_is_refused(how: Compile) -> None:
    assert accelerated(torch.sin, "none", CPU) is torch.sin
    with pytest.raises(ConfigurationError, match=f"COMPILE={how} needs a GPU"):
        accelerated(torch.sin, how, CPU)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("how", ["compile", "cudagraphs"])
def test_on_a_gpu_it_says_what_the_plain_tower_says(vit_folder: Path, how: Compile) -> None:
    plain = load(EncoderSettings(model=str(vit_folder)))
    fast = load(EncoderSettings(model=str(vit_folder), compile=how))
    for n in (1, 3, 8, 3):
        images = pictures(n, seed=n)
        cosines = (plain.encode_images(images) * fast.encode_images(images)).sum(axis=1)
        assert cosines.min() >= 0.9999
    assert (plain.encode_texts(["tea"]) * fast.encode_texts(["tea"])).sum() >= 0.9999
