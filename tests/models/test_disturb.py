"""What is done to a picture leaves its claim to be seen, and nothing else as it was."""

import numpy as np
import pytest
import torch
from PIL import Image

from models.clip_training import losses, views
from models.render import VIOLATING, render
from models.render.disturb import DISTURBANCES, OVERLAYS
from models.render.wording import BADGES, BRANDS, CAPTIONS, CTAS


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return render(VIOLATING[0], np.random.default_rng(1), 256).image


@pytest.mark.parametrize("name", DISTURBANCES)
def test_a_disturbance_changes_the_picture_and_repeats_by_its_seed(name, picture):
    before = picture.tobytes()
    disturbed = DISTURBANCES[name](picture, np.random.default_rng(2))
    again = DISTURBANCES[name](picture, np.random.default_rng(2))
    assert picture.tobytes() == before
    assert disturbed.tobytes() != before
    assert disturbed.tobytes() == again.tobytes()


def test_a_crop_takes_a_tenth_and_a_border_adds_its_share(picture):
    rng = np.random.default_rng(3)
    assert DISTURBANCES["10 % crop"](picture, rng).size == (230, 230)
    assert DISTURBANCES["border"](picture, rng).size == (286, 286)


def test_the_overlays_that_are_measured_are_not_trained_on():
    assert not set(OVERLAYS) & set(BADGES + BRANDS + CAPTIONS + CTAS)


def test_a_border_of_training_is_one_colour_and_moves_no_glyph_apart_from_the_picture():
    rng = np.random.default_rng(4)
    pixels = torch.zeros(64, 3, 128, 128)
    moved, warp = views.moved(pixels, rng)
    reduced = np.abs(warp[:, 0, 0]) > 1.05
    corners = moved[:, :, 0, 0].abs().sum(1).numpy() > 0
    assert corners[reduced].any()
    assert not corners.all()


def test_the_threshold_loss_falls_as_claims_part_at_the_threshold():
    same = torch.eye(4, dtype=torch.bool)
    parted = torch.where(same, 0.9, 0.1)
    mixed = torch.where(same, 0.5, 0.7)
    assert losses.above_and_below(parted, same, ~same) < 0.1
    assert losses.above_and_below(mixed, same, ~same) > 1.0
