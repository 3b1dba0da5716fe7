"""The shipped CLIP: loads as it is from its folder, and screens what it was trained for."""

import stat
from pathlib import Path

import numpy as np
import open_clip
import pytest
import yaml

from benchmarks.screen_quality import Encoder
from models.clip_training import measure
from models.clip_training.network import CONTEXT
from models.render import VIOLATING
from models.render.claims import CATEGORIES

FOLDER = Path(__file__).parents[2] / "models" / "clip"
WEIGHTS = FOLDER / "open_clip_model.safetensors"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(FOLDER)


def test_the_weights_are_small_and_readable_by_everyone():
    assert WEIGHTS.stat().st_size <= 10_000_000
    assert stat.S_IMODE(WEIGHTS.stat().st_mode) == 0o644


def test_the_tokenizer_is_of_the_models_vocabulary_and_context(encoder):
    tokenizer = open_clip.get_tokenizer(f"local-dir:{FOLDER}")
    ids = tokenizer(["治愈率高达98%"])
    assert ids.shape == (1, CONTEXT)
    assert tokenizer.vocab_size == 49408


def test_vectors_have_unit_norm(encoder):
    texts = encoder.texts(["Treats arthritis", ""])
    images = encoder.images(np.zeros((2, 200, 200, 3), np.uint8))
    assert np.allclose(np.linalg.norm(texts, axis=1), 1, atol=1e-3)
    assert np.allclose(np.linalg.norm(images, axis=1), 1, atol=1e-3)


def test_pictures_of_known_claims_are_told_from_compliant_ones(encoder):
    pictures, known = measure.exemplar_views(256)
    views, claims = measure.held_out_views(256, each=1, seed=41)["new seeds"]
    result = measure.screen(encoder.images(views), claims, encoder.images(pictures), known)
    assert result.auc >= 0.9


def test_copy_around_a_known_claim_is_told_from_compliant_copy(encoder):
    copies, claims = measure.held_out_copies()
    library = encoder.texts([claim.text for claim in VIOLATING])
    result = measure.screen(encoder.texts(copies), claims, library, list(VIOLATING))
    assert result.auc >= 0.95


def test_there_is_a_threshold_for_every_category():
    thresholds = yaml.safe_load((FOLDER / "thresholds.yaml").read_text())
    for signal in ("image", "text"):
        assert set(CATEGORIES) == set(thresholds[signal])
        assert all(0 < value <= 1 for value in thresholds[signal].values())
