"""The renderer: deterministic, its glyph boxes true, its held-out styles kept apart."""

import numpy as np
import pytest
from fontTools.ttLib import TTFont

from models.render import (
    COMPLIANT,
    HELD_OUT_FONTS,
    HELD_OUT_LAYOUTS,
    SEEN_FONTS,
    SEEN_LAYOUTS,
    VIOLATING,
    load_claims,
    render,
)
from models.render.fonts import CJK_FONTS, font_files, renders
from models.render.wording import all_text

CLAIMS = load_claims()
FONTS = SEEN_FONTS + HELD_OUT_FONTS


def rendered(seed: int, **options):
    return render(CLAIMS[seed % len(CLAIMS)], np.random.default_rng(seed), **options)


def test_there_are_forty_claims_of_each_polarity_and_eight_balanced_categories():
    assert len(VIOLATING) == len(COMPLIANT) == 40
    categories = [claim.category for claim in VIOLATING]
    assert {categories.count(name) for name in categories} == {5}
    assert len(set(categories)) == 8
    assert len({claim.text for claim in CLAIMS}) == len({claim.id for claim in CLAIMS}) == 80


def test_only_violating_claims_have_a_rule_and_a_category():
    assert all((claim.rule is not None) == (claim.category != "") for claim in CLAIMS)
    assert all(claim.violating for claim in VIOLATING)
    assert not any(claim.violating for claim in COMPLIANT)


def test_the_same_seed_gives_the_same_picture():
    first, second = rendered(7), rendered(7)
    assert np.array_equal(np.asarray(first.image), np.asarray(second.image))
    assert first.glyphs == second.glyphs


def test_another_seed_gives_another_picture():
    claim = CLAIMS[0]
    first, second = (render(claim, np.random.default_rng(seed)) for seed in (1, 2))
    assert not np.array_equal(np.asarray(first.image), np.asarray(second.image))


@pytest.mark.parametrize("size", [128, 168, 512])
def test_glyphs_lie_inside_the_picture_and_spell_the_claim(size):
    for seed in range(40):
        view = rendered(seed, size=size)
        assert (view.image.size, view.image.mode) == ((size, size), "RGB")
        assert "".join(g.char for g in view.glyphs) == view.claim.text.replace(" ", "")
        boxes = np.array([g.box for g in view.glyphs])
        assert 0 <= boxes.min() <= boxes.max() <= size
        assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_words_are_english_words_or_chinese_bigrams():
    for seed in range(80):
        view = rendered(seed)
        for glyph in view.glyphs:
            assert glyph.char in glyph.word
            assert glyph.word in view.claim.text
            assert view.claim.language == "en" or len(glyph.word) == 2


def test_glyph_boxes_hold_the_ink_and_the_rest_holds_none():
    for seed in range(30):
        view = rendered(seed, clutter=0.0)
        pixels = np.asarray(view.image, dtype=int)
        ground = pixels[0, 0]
        ink = np.abs(pixels - ground).sum(2) > 60
        covered = np.zeros_like(ink)
        for glyph in view.glyphs:
            x0, y0, x1, y1 = glyph.box
            area = (slice(int(y0), int(np.ceil(y1))), slice(int(x0), int(np.ceil(x1))))
            assert ink[area].any(), glyph
            covered[max(0, area[0].start - 1) : area[0].stop + 1,
                    max(0, area[1].start - 1) : area[1].stop + 1] = True  # fmt: skip
        assert not (ink & ~covered).any()


def test_held_out_styles_are_one_latin_and_one_chinese_face_and_one_layout_never_seen():
    assert [name in CJK_FONTS for name in HELD_OUT_FONTS] == [False, True]
    assert len(HELD_OUT_LAYOUTS) == 1
    assert not set(HELD_OUT_FONTS) & set(SEEN_FONTS)
    assert not set(HELD_OUT_LAYOUTS) & set(SEEN_LAYOUTS)
    views = [rendered(seed) for seed in range(300)]
    assert not {view.font for view in views} & set(HELD_OUT_FONTS)
    assert not {view.layout for view in views} & set(HELD_OUT_LAYOUTS)


def test_every_claim_is_set_in_every_allowed_face():
    for name in FONTS:
        for seed, claim in enumerate(CLAIMS):
            if renders(name, claim.language):
                assert render(claim, np.random.default_rng(seed), 64, fonts=[name]).font == name


def test_no_face_lacks_a_character_of_what_it_sets():
    chinese = "".join(claim.text for claim in CLAIMS) + all_text()
    for name in FONTS:
        have = TTFont(font_files()[name]).getBestCmap()
        english = "".join(claim.text for claim in CLAIMS if claim.language == "en")
        wanted = chinese if name in CJK_FONTS else english
        assert {c for c in wanted if ord(c) not in have} == set(), name


def test_a_latin_face_refuses_a_chinese_claim():
    chinese = next(claim for claim in CLAIMS if claim.language == "zh")
    with pytest.raises(ValueError, match="zh"):
        render(chinese, np.random.default_rng(0), fonts=["roboto"])


def test_fonts_are_small_and_their_licences_lie_beside_them():
    licences = font_files()["roboto"].parent / "licenses"
    assert all(path.stat().st_size <= 250_000 for path in font_files().values())
    assert len(list(licences.glob("*.txt"))) >= 30
