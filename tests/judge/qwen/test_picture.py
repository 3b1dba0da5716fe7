"""Pictures: the processor's own pixels, and a grid that is known before there are any."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoProcessor

from executors.judge.model_config import ModelConfig, PictureSize
from executors.judge.qwen.picture import PictureRule
from tests.judge.qwen.conftest import noise

SIZE = PictureSize(shortest_edge=56 * 56, longest_edge=200 * 200)


@pytest.fixture(scope="module")
def processor(small_folder: Path) -> object:
    return AutoProcessor.from_pretrained(small_folder).image_processor


def rule(processor: object, *, square: bool = False, size: PictureSize = SIZE) -> PictureRule:
    return PictureRule.of(processor, ModelConfig(size=size, square=square), 10**6)


@pytest.mark.parametrize("size", [(150, 100), (99, 301), (28, 28), (30, 700), (512, 512)])
def test_patches_are_those_of_the_models_own_processor(
    processor: object, size: tuple[int, int]
) -> None:
    ours, image = rule(processor), noise(*size)
    theirs = processor(images=[image], size=SIZE.model_dump(), return_tensors="pt")
    grid = ours.grid(image.size)
    assert (1, *grid) == tuple(theirs["image_grid_thw"][0].tolist())
    patches = ours.patches(image, grid)
    assert patches.dtype == torch.uint8
    frames = theirs["pixel_values"].view(len(patches), 3, 2, 14 * 14)
    found = ours.normalised(patches).view(len(patches), 3, 14 * 14)
    for frame in range(2):
        assert torch.allclose(found, frames[:, :, frame], atol=1e-5)


def test_a_grey_or_transparent_picture_is_seen_in_colour(processor: object) -> None:
    ours, colour = rule(processor), noise(60, 60).convert("L")
    grid = ours.grid(colour.size)
    assert torch.equal(ours.patches(colour, grid), ours.patches(colour.convert("RGB"), grid))


@pytest.mark.parametrize("most", [4, 16, 40, 1_000])
def test_a_grid_has_no_more_patches_than_allowed(processor: object, most: int) -> None:
    rows, columns = rule(processor).grid((300, 200), most)
    assert rows * columns <= min(most, 200 * 200 // 14**2)
    assert rows % 2 == columns % 2 == 0


def test_a_huge_picture_costs_no_more_than_the_settings_allow(processor: object) -> None:
    ours = PictureRule.of(processor, ModelConfig(), 28_224)
    rows, columns = ours.grid((6000, 4000))
    assert rows * columns * 14**2 <= 28_224
    assert ours.patches(Image.new("RGB", (6000, 4000)), (rows, columns)).shape[0] == rows * columns


def test_a_square_model_sees_the_whole_picture_padded_with_its_mean(processor: object) -> None:
    image = Image.new("RGB", (200, 100), "black")
    image.paste("white", (100, 0, 200, 100))
    ours = rule(processor, square=True, size=PictureSize(shortest_edge=28224, longest_edge=28224))
    grid = ours.grid(image.size)
    assert grid == (12, 12)
    levels = ours.patches(image, grid).float().mean(1)
    # The tower's order: two by two patches of a token, tokens from left to right, row by row.
    rows = levels.view(6, 6, 2, 2).transpose(1, 2).reshape(12, 12)
    assert torch.allclose(rows[:2], torch.tensor(127.5), atol=2)
    assert torch.allclose(rows[-2:], torch.tensor(127.5), atol=2)
    assert (rows[4:8, :5] < 2).all()
    assert (rows[4:8, 7:] > 253).all()


def test_a_picture_like_a_thread_is_refused(processor: object) -> None:
    with pytest.raises(ValueError, match="aspect ratio"):
        rule(processor).grid((3000, 10))
