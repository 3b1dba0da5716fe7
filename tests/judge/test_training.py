"""The training code: faster than transformers' forward passes, and equal to them."""

from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Qwen2VLForConditionalGeneration

from executors.judge.prompt import VERDICT_PREFIX
from models.calibrate_judge import fit, negative_log_likelihood
from models.judge_training.ads import TrainingAd, corpus, training_ad, unknown_claim
from models.judge_training.batches import Batcher
from models.judge_training.language import Language
from models.judge_training.network import SIDE, build_model, build_processor
from models.judge_training.renders import CHARS, WORDS, make_page, make_sample, targets
from models.judge_training.tokenizer import build_tokenizer
from models.judge_training.tower import Tower, merge_order, patches
from models.render.claims import load_claims
from models.render.headline import Glyph

CLAIMS = load_claims()


@pytest.fixture(scope="module")
def untrained() -> tuple[Qwen2VLForConditionalGeneration, Batcher]:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(corpus(), 1024)
    return build_model(tokenizer).eval(), Batcher(build_processor(tokenizer))


@torch.no_grad()
def test_both_forward_passes_equal_those_of_transformers(
    untrained: tuple[Qwen2VLForConditionalGeneration, Batcher],
) -> None:
    model, batcher = untrained
    rng, generator = Random(1), np.random.default_rng(1)
    ads = [training_ad(claim, rng) for claim in CLAIMS[::27]] + [training_ad(None, rng)]
    images = [make_sample(ad.picture, generator).image for ad in ads if ad.picture]
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    _, merged = Tower(model).features(patches(pixels))
    batch = batcher(ads)
    embedded = model.model.language_model.embed_tokens(batch.ids)
    image = (batch.ids == model.config.image_token_id)[..., None].expand_as(embedded)
    embedded = embedded.masked_scatter(image, merged)
    hidden = Language(model).hidden(embedded, batch.positions, batch.mask)
    rows = torch.arange(len(ads))
    ours = model.lm_head(hidden[rows, batch.source[rows, batch.label]])
    inputs = batcher._processor(
        text=[batcher.prompt(ad) + VERDICT_PREFIX for ad in ads],
        images=[Image.fromarray(image) for image in images],
        padding=True,
        return_tensors="pt",
    )
    theirs = model(**inputs, logits_to_keep=1).logits[:, -1]
    assert torch.allclose(ours, theirs, atol=1e-4)


def test_an_ad_violates_when_picture_or_copy_does_and_quotes_the_one_that_does() -> None:
    rng = Random(2)
    for claim in [*CLAIMS] * 5:
        ad = training_ad(claim, rng)
        said = [other for other in CLAIMS if other.text in ad.copy] + [claim]
        assert ad.violation == any(other.violating for other in said)
        assert ad.claim in [other.text for other in said]
        assert (ad.rule is not None) == ad.violation


def test_words_that_are_no_claim_have_no_right_answer() -> None:
    rng = Random(3)
    ad: TrainingAd = training_ad(unknown_claim(rng), rng)
    assert ad.violation is None


def test_targets_name_the_glyph_under_each_patch_in_the_processors_order() -> None:
    glyph = Glyph("t", "treats", (14.0, 0.0, 28.0, 14.0))
    chars, words = targets([glyph], SIDE)
    expected = torch.zeros(1, 12, 12, dtype=torch.long)
    expected[0, 0, 1] = 1
    place = int(merge_order(expected)[0].argmax())
    assert np.flatnonzero(chars).tolist() == [place]
    assert chars[place] == CHARS["t"]
    assert words[place] == WORDS["treats"]


def test_a_page_holds_far_more_text_than_an_ad() -> None:
    page = make_page(Random(4))
    ad = make_sample(CLAIMS[0], np.random.default_rng(4))
    assert (page.chars > 0).mean() > 2 * (ad.chars > 0).mean()
    assert page.claim == -1


def test_the_temperature_of_overconfident_logits_is_found() -> None:
    rng = np.random.default_rng(5)
    honest = rng.normal(0, 2, 4_000)
    truth = rng.random(4_000) < 1 / (1 + np.exp(-honest))
    found = fit(3 * honest, truth)
    assert found == pytest.approx(3, rel=0.15)
    assert negative_log_likelihood(3 * honest, truth, found) < negative_log_likelihood(
        3 * honest, truth, 1.0
    )
