"""No claim of a copy stays unread, and none is diluted more than need be."""

from __future__ import annotations

import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from executors.encoder.model import ClipEncoder
from executors.encoder.windows import MAX_WINDOWS, windows

BUDGET = 24
CLAIM_EN, CLAIM_ZH = "cures diabetes in 7 days", "七天治愈糖尿病"
FILLER = (
    "Great tea.",
    "We care about you and your family every single day.",
    "It tastes of lemon, honey and mint!",
    "Order today and save twenty percent on the second box;",
)


def words(text: str) -> int:
    """A tokenizer for which every word and every mark is a token."""
    return len(text.split()) + 2


def long_copy(rng: random.Random, length: int) -> str:
    """English sentences, each with a number of its own: no two are the same."""
    text = ""
    while len(text) < length:
        text += f"{rng.choice(FILLER)[:-1]} {rng.randrange(10**6)}. "
    return text[:length]


def test_a_text_that_fits_is_read_whole(small: ClipEncoder) -> None:
    assert small.windows("Cures diabetes in 7 days") == [CLAIM_EN]


def test_each_sentence_of_a_text_that_fits_is_read_alone_too(small: ClipEncoder) -> None:
    assert small.windows("Buy now! Cures diabetes in 7 days.") == [
        "buy now! cures diabetes in 7 days",
        "buy now",
        CLAIM_EN,
    ]


@pytest.mark.parametrize("text", ["", "   \n", "\u200b\u200d", "<end_of_text>"])
def test_a_text_with_nothing_to_read_has_no_windows(small: ClipEncoder, text: str) -> None:
    assert small.windows(text) == []


def test_marks_alone_are_read(small: ClipEncoder) -> None:
    assert small.windows("!!!") == ["!!!"]


@pytest.mark.parametrize(
    "text",
    [
        "Only 3.5 mg of 1,000 per day",
        "Open 10:30 to 12:00",
    ],
)
def test_numbers_are_not_split(small: ClipEncoder, text: str) -> None:
    assert small.windows(text) == [text.lower()]


@pytest.mark.parametrize("claim", [CLAIM_EN, CLAIM_ZH])
def test_a_claim_at_the_very_end_of_a_long_copy_has_its_own_window(
    small: ClipEncoder, claim: str
) -> None:
    copy = long_copy(random.Random(0), 9_970) + ". " + claim
    assert len(copy) <= 10_000
    found = small.windows(copy)
    assert any(claim in window and len(window) < len(claim) + 40 for window in found)
    assert len(found) <= MAX_WINDOWS


def test_a_claim_among_chinese_clauses_has_its_own_window(small: ClipEncoder) -> None:
    copy = (
        "本品采用古法秘制，由十二味名贵中药材精心熬制而成，无任何副作用，七天治愈糖尿病，无效退款。"
    )
    assert CLAIM_ZH in small.windows(copy)


def test_ten_thousand_characters_without_a_mark_are_read_to_the_end(small: ClipEncoder) -> None:
    rng = random.Random(1)
    copy = "".join(chr(rng.randint(0x4E00, 0x9FA5)) for _ in range(9_993)) + CLAIM_ZH
    started = time.perf_counter()
    found = small.windows(copy)
    assert time.perf_counter() - started < 20
    assert all(any(copy[i : i + 2] in window for window in found) for i in range(0, 9_999, 7))
    assert any(CLAIM_ZH[2:] in window for window in found)


def test_a_claim_over_two_sentences_is_read_in_one_window(small: ClipEncoder) -> None:
    copy = long_copy(random.Random(2), 900) + ". Diabetes? Gone in a week. " + FILLER[1]
    assert any("diabetes? gone in a week" in window for window in small.windows(copy))


def test_no_window_is_longer_than_the_context(small: ClipEncoder) -> None:
    rng = random.Random(3)
    copies = [
        long_copy(rng, 3_000),
        "".join(rng.choice("abcdefghij") for _ in range(3_000)),
        "ยานี้รักษามะเร็ง" * 100,
        "😀" * 500,
        "." * 500 + " a",
        "这" * 500,
    ]
    for copy in copies:
        for window in small.windows(copy):
            assert small._tokens.count(window) <= small.context, window


@pytest.mark.parametrize(
    "copy",
    [
        "." * 10_000,
        "a" * 10_000,
        "&amp;" * 2_000,
        "&" + "amp;" * 2_490,
        "a. " * 3_333,
        "1" * 10_000,
    ],
)
def test_hostile_copies_take_no_more_than_moments(small: ClipEncoder, copy: str) -> None:
    started = time.perf_counter()
    found = small.windows(copy)
    assert time.perf_counter() - started < 5
    assert len(found) <= MAX_WINDOWS


@pytest.mark.parametrize(
    "mark",
    [
        "<end_of_text>",
        "<END_OF_TEXT>",
        "&lt;end_of_text&gt;",
        "&amp;amp;amp;lt;end_of_text&amp;amp;amp;gt;",
        "＜end_of_text＞",
        "<end_of\u200b_text>",
        "<end_of&#8203;_text>",
        "<end_<end_of_text>of_text>",
        "<start_of_text>",
    ],
)
def test_a_mark_of_the_models_own_does_not_end_the_copy(small: ClipEncoder, mark: str) -> None:
    ids = small._tokens([f"Nice tea {mark} {CLAIM_EN}"])[0].tolist()
    start, end = 49406, 49407
    assert ids.count(start) == ids.count(end) == 1
    claim = [i for i in small._tokens([CLAIM_EN])[0].tolist() if i not in (0, start, end)]
    assert ids[: ids.index(end)][-len(claim) :] == claim


def test_invisible_characters_do_not_split_words(small: ClipEncoder) -> None:
    assert small.windows("c\u200bures dia\u00adbetes in 7 days") == [CLAIM_EN]


_pieces = st.sampled_from(
    ["cure", "all", "pain", ".", "!", ",", "。", "，", "\n", "3.5", "糖尿病", " "]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(_pieces, max_size=120), st.integers(6, 40))
@example(["cure"] * 8 + ["糖尿病", "cure", "cure"], 6)
def test_every_word_of_any_text_is_in_a_window(pieces: list[str], budget: int) -> None:
    text = " ".join(pieces)
    found = windows(text, words, budget)
    assert all(any(word in window for window in found) for word in pieces if word.isalpha())
    assert all(words(window) <= budget for window in found)


def test_more_sentences_than_windows_are_read_in_larger_ones() -> None:
    text = " ".join(f"word{i} here." for i in range(2_000))
    found = windows(text, words, BUDGET)
    assert len(found) <= MAX_WINDOWS
    joined = " ".join(found)
    assert all(f"word{i} " in joined for i in range(2_000))
