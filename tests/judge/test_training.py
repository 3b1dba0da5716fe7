"""The training code: faster than transformers' forward passes, and equal to them."""

from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import Qwen2VLForConditionalGeneration

from executors.judge.prompt import INSTRUCTION_PREFIX, VERDICT_PREFIX
from models.judge_training.ads import TrainingAd, corpus, training_ad, unknown_claim
from models.judge_training.attacks import attacks, write_attack
from models.judge_training.batches import Batcher
from models.judge_training.language import Before, Language
from models.judge_training.network import SIDE, build_model, build_processor
from models.judge_training.policies import (
    TrainingPolicy,
    TrainingRule,
    applicable,
    draw_policy,
)
from models.judge_training.renders import CHARS, WORDS, make_page, make_sample, targets
from models.judge_training.tokenizer import build_tokenizer
from models.judge_training.tower import Tower, merge_order, patches
from models.render.claims import load_claims
from models.render.headline import Glyph

CLAIMS = load_claims()


@pytest.fixture(scope="module")
def untrained() -> tuple[Qwen2VLForConditionalGeneration, Batcher]:
    torch.manual_seed(0)
    tokenizer = build_tokenizer(corpus(), 1536)
    return build_model(tokenizer).eval(), Batcher(build_processor(tokenizer))


@torch.no_grad()
def test_both_forward_passes_equal_those_of_transformers(
    untrained: tuple[Qwen2VLForConditionalGeneration, Batcher],
) -> None:
    model, batcher = untrained
    rng, generator = Random(1), np.random.default_rng(1)
    ads = [training_ad(claim, rng) for claim in CLAIMS[::27]] + [training_ad(None, rng)]
    policies, group = [applicable("CN"), applicable(None)], [0, 1, 1, 0]
    images = [make_sample(ad.picture, generator).image for ad in ads if ad.picture]
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255
    _, merged = Tower(model).features(patches(pixels))
    batch = batcher(ads, policies, group)
    embed = model.model.language_model.embed_tokens
    embedded = embed(batch.ids)
    image = (batch.ids == model.config.image_token_id)[..., None].expand_as(embedded)
    embedded = embedded.masked_scatter(image, merged)
    rules = batch.rules
    before = Before(embed(rules.ids), rules.positions.expand(3, -1, -1), rules.mask, batch.group)
    hidden, _ = Language(model).hidden(embedded, batch.positions, batch.mask, before)
    rows = torch.arange(len(ads))[:, None]
    ours = model.lm_head(hidden[rows, batch.source[rows, batch.label]])
    for number, prefix in enumerate((VERDICT_PREFIX, INSTRUCTION_PREFIX)):
        inputs = batcher._processor(
            text=[
                batcher.prompt(ad, policies[of]) + prefix for ad, of in zip(ads, group, strict=True)
            ],
            images=[Image.fromarray(image) for image in images],
            padding=True,
            return_tensors="pt",
        )
        model.model.rope_deltas = None
        theirs = model(**inputs, logits_to_keep=1).logits[:, -1]
        assert torch.allclose(ours[:, number], theirs, atol=1e-4)


def test_the_answer_quotes_what_picture_and_copy_say_and_finds_what_the_rules_forbid() -> None:
    rng, policy = Random(2), applicable(None)
    for claim in [*CLAIMS] * 5:
        ad = training_ad(claim, rng)
        said = [("picture", claim), *(("copy", c) for c in CLAIMS if c.text in ad.copy)]
        assert ad.claims() == said
        assert ad.violates(policy) == any(claim.violating for _, claim in said)
        for place, rule in ad.findings(policy):
            assert policy.rules[rule - 1].code == said[place - 1][1].rule


def test_a_rule_that_is_not_listed_does_not_count() -> None:
    claim = next(claim for claim in CLAIMS if claim.rule == "CN-AL-16")
    ad = TrainingAd(claim, None, "", "CN")
    every = applicable("CN")
    without = TrainingPolicy(tuple(rule for rule in every.rules if rule.code != "CN-AL-16"))
    assert ad.violates(every)
    assert not ad.violates(without)


def test_under_a_policy_of_its_own_codes_the_categories_decide() -> None:
    rules = (TrainingRule("HOUSE-1", ("safety",)), TrainingRule("HOUSE-2", ("cure", "pressure")))
    policy = TrainingPolicy(rules, own=True)
    places = {claim.category: policy.rule_of(claim) for claim in CLAIMS if claim.violating}
    assert (places["safety"], places["cure"], places["pressure"]) == (1, 2, 2)
    assert places["disease"] is None


def test_policies_are_drawn_in_parts_and_with_own_codes() -> None:
    rng = Random(6)
    drawn = [draw_policy(rng) for _ in range(300)]
    codes = {rule.code for rule in applicable(None).rules}
    assert any(policy.own for policy in drawn)
    assert all({rule.code for rule in p.rules} <= codes for p in drawn if not p.own)
    assert len({len(policy.rules) for policy in drawn}) > 10


def test_words_to_the_reviewer_are_marked_and_change_nothing_else() -> None:
    rng = Random(7)
    ad = training_ad(None, rng, attacked=1.0)
    assert ad.instruction
    assert any(words in ad.copy for words in attacks("copy"))
    image = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
    written = write_attack(image, np.random.default_rng(7))
    assert np.asarray(image).std() == 0
    assert np.asarray(written).std() > 0


def test_words_that_are_no_claim_have_no_right_answer() -> None:
    rng = Random(3)
    assert not training_ad(unknown_claim(rng), rng).known


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
