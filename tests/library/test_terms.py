"""The policy's terms: found however they are disguised, and not found in other words."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from itertools import pairwise

import opencc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adjudicate.errors import ConfigurationError
from executors.library.terms import Terms
from executors.shared.folding import fold, is_cjk
from executors.shared.policy import Policy, Rule, load_policy
from executors.shared.settings import ROOT
from tests.library.innocent import INNOCENT

POLICY = load_policy(ROOT / "policies")
ALL = Terms(POLICY)
TERMS = [(rule, term) for rule in POLICY.rules.values() for term in rule.terms]


def only(*words: str, **fields: object) -> Terms:
    """A policy of one rule, for every market and product."""
    values = {
        "code": "R-1",
        "law": "law",
        "article": "1",
        "markets": ["CN", "US", "EU"],
        "products": ["drug", "device", "food"],
        "severity": "low",
        "text": {"en": "rule", "zh": "规则"},
        "terms": list(words),
        **fields,
    }
    return Terms(Policy.of([Rule.model_validate(values)]))


def quotes(terms: Terms, text: str) -> list[str]:
    return [found.quote for found in terms.find(text, None, None)]


CYRILLIC = str.maketrans("aceopxyiACEOPXBHKMT", "асеорхуіАСЕОРХВНКМТ")
GREEK = str.maketrans("aovAEHIKMNOPTXYZ", "αονΑΕΗΙΚΜΝΟΡΤΧΥΖ")
FULL_WIDTH = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
BOLD = str.maketrans({chr(97 + i): chr(0x1D41A + i) for i in range(26)})
CIRCLED = str.maketrans({chr(97 + i): chr(0x24D0 + i) for i in range(26)})
SQUARED = str.maketrans({chr(65 + i): chr(0x1F170 + i) for i in range(26)})
LEET = str.maketrans("oieast", "013457")
TRADITIONAL = opencc.OpenCC("s2t")


def between_letters(text: str, mark: str) -> str:
    """The text with a mark between every two letters of its words."""
    pairs = pairwise(f"{text} ")
    return "".join(a + mark if a.isalnum() and b.isalnum() else a for a, b in pairs)


def after_letters(text: str, mark: str) -> str:
    return "".join(a + mark if a.isalnum() else a for a in text)


DISGUISES: dict[str, Callable[[str], str]] = {
    "as it stands": lambda text: text,
    "upper case": str.upper,
    "title": str.title,
    "full width": lambda text: text.translate(FULL_WIDTH),
    "bold": lambda text: text.lower().translate(BOLD),
    "circled": lambda text: text.lower().translate(CIRCLED),
    "squared": lambda text: text.upper().translate(SQUARED),
    "cyrillic": lambda text: text.translate(CYRILLIC),
    "cyrillic capitals": lambda text: text.upper().translate(CYRILLIC),
    "greek capitals": lambda text: text.upper().translate(GREEK),
    "traditional": TRADITIONAL.convert,
    "compatibility": lambda text: text.replace("ff", "\ufb00").replace("fi", "\ufb01"),
    "accents": lambda text: after_letters(text, "\u0301"),
    "struck through": lambda text: after_letters(text, "\u0336"),
    "zero-width space": lambda text: between_letters(text, "\u200b"),
    "soft hyphen": lambda text: between_letters(text, "\u00ad"),
    "filler": lambda text: between_letters(text, "\u3164"),
    "direction": lambda text: f"\u202d{between_letters(text, chr(0x2060))}\u202c",
    "precomposed": lambda text: unicodedata.normalize("NFC", after_letters(text, "\u0308")),
}
MARKS = [" ", ".", "*", "-", "_", "·", "~", "\u3000", "★", "//"]


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("around", [("", ""), ("Try it: ", ", today"), ("试试", "吧")])
def test_every_term_is_found_in_every_disguise(disguise: str, around: tuple[str, str]) -> None:
    before, after = around
    for rule, term in TERMS:
        written = DISGUISES[disguise](term)
        found = ALL.find(f"{before}{written}{after}", rule.markets[0], rule.products[0])
        assert rule.code in {one.rule.code for one in found}, (term, written)


def spelled(term: str, mark: str) -> str:
    """Its letters apart, and its words, if any, further apart."""
    words = [between_letters(word, mark) for word in term.split(" ")]
    return ("   " if not mark.isspace() else mark * 3).join(words)


@pytest.mark.parametrize("mark", MARKS)
def test_every_term_of_three_letters_is_found_spelled_out(mark: str) -> None:
    for rule, term in TERMS:
        letters = fold(term).letters
        if len(letters) < 3 or any(a.isdigit() != b.isdigit() for a, b in pairwise(letters)):
            continue
        text = f"Come and see: {spelled(term, mark)} (every day)"
        found = ALL.find(text, rule.markets[0], rule.products[0])
        assert rule.code in {one.rule.code for one in found}, text


@pytest.mark.parametrize("mark", ["*", ".", "-", "·", "_"])
def test_a_mark_anywhere_inside_a_word_does_not_hide_it(mark: str) -> None:
    terms = only("cures", "根治")
    for at in range(1, 5):
        text = f"It {'cures'[:at]}{mark}{'cures'[at:]} all"
        assert quotes(terms, text) == [text[3:-4]]
    assert quotes(terms, f"一个疗程根{mark}治失眠") == [f"根{mark}治"]


@given(st.randoms(use_true_random=False), st.sampled_from(TERMS))
def test_disguises_may_be_mixed(rng: random.Random, chosen: tuple[Rule, str]) -> None:
    rule, term = chosen
    written = term
    if len(fold(term).letters) >= 3 and not any(map(str.isdigit, term)):
        written = spelled(term, rng.choice(["", " ", ".", "*", "\u200b"]))
    by_letter = ["upper case", "full width", "cyrillic", "accents", "traditional", "bold"]
    written = "".join(
        DISGUISES[rng.choice(by_letter)](one) if one.isalnum() else one for one in written
    )
    found = ALL.find(f"Now: {written} / 现在", rule.markets[0], rule.products[0])
    assert rule.code in {one.rule.code for one in found}, written


@pytest.mark.parametrize(
    ("term", "written"),
    [
        ("cures", "cur3s"),
        ("no risk", "N0 R1SK"),
        ("no risk", "no r!sk"),
        ("steroids", "$teroid$"),
        ("natural", "n@tura1"),
        ("natural", "naturaI"),
        ("insulin", "1nsul1n"),
        ("lose weight", "l0se we1ght"),
        ("lose weight", "1ose weight"),
        ("guaranteed", "gu4r4nt33d"),
        ("cancer", "can cer"),
        ("cures", "C\nU\nR\nE\nS"),
        ("no risk", "#norisk"),
        ("no risk", "no-risk"),
        ("no risk", "n o r i s k"),
        ("best", "best-in-class"),
        ("best", "“BEST”"),
        ("kg in 7 days", "5kg in 7 days"),
        ("100% natural", "100 % natural"),
        ("99% accurate", "９９％ accurate"),
        ("疗效", "療 效"),
        ("根治", "根 治"),
        ("treats", "t.r.e.a.t.s."),
        ("treats", "(t-r-e-a-t-s)"),
        ("arthritis", "t r e a t s a r t h r i t i s"),
    ],
)
def test_a_disguise_that_people_use_is_seen_through(term: str, written: str) -> None:
    assert len(quotes(only(term), f"now {written} now")) == 1
    assert len(quotes(only(term), written)) == 1


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("Rx", "Rxample and xRx"),
        ("cure", "secure manicure cured obscure"),
        ("cure", "s e c u r e"),
        ("cure", "s.e.c.u.r.e"),
        ("cure", "procu-res"),
        ("best", "Le5t bestow 8e57x"),
        ("no risk", "We say no. Risk is everywhere"),
        ("no risk", "casino risks"),
        ("works like", "It works, like a clock"),
        ("loo", "100"),
        ("best", "model B357"),
        ("Dr", "D. R. Smith, d r"),
        ("必需", "服用前务必，需遵医嘱"),
        ("神器", "精神，器械"),
        ("神器", "精神\n器械"),
        ("100% natural", "1100% natural"),
        ("5kg", "15kg"),
        ("heals", "he alsо said"),
        ("never fails", "never falls"),
    ],
)
def test_other_words_are_not_the_term(term: str, text: str) -> None:
    assert quotes(only(term), text) == []


@given(
    st.sampled_from([term for _, term in TERMS if term.isascii() and term.isalpha()]),
    st.text("bdfghkqvwxz", max_size=4),
    st.text("bdfghkqvwxz", max_size=4),
)
def test_a_latin_term_inside_a_longer_word_is_another_word(
    term: str, before: str, after: str
) -> None:
    found = quotes(only(term), f"the {before}{term}{after} of it")
    assert bool(found) is not bool(before or after)


@given(st.text())
def test_what_is_quoted_stands_in_the_copy_and_reads_as_a_term(text: str) -> None:
    wanted = {fold(term).letters for _, term in TERMS}
    for found in ALL.find(text, None, None):
        assert found.quote in text
        if found.quote.isalpha():
            assert fold(found.quote).letters in wanted


@pytest.mark.parametrize("text", INNOCENT)
def test_what_every_ad_may_say_has_no_term(text: str) -> None:
    assert ALL.find(text, None, None) == []


def test_only_rules_that_the_ad_is_held_to_are_looked_for() -> None:
    assert [one.rule.code for one in ALL.find("It cures", "US", "food")] == ["US-101.93"]
    assert ALL.find("It cures", "EU", "food") == []
    assert ALL.find("It cures", "US", "drug") == []
    assert len(ALL.find("It cures", None, None)) == 1


def test_each_rule_is_found_once_in_the_order_of_the_copy() -> None:
    found = ALL.find("Doctors confirm: insulin heals. It cures cancer.", "US", "food")
    assert [(one.rule.code, one.quote) for one in found] == [
        ("US-FTC", "Doctors confirm"),
        ("US-101.93", "insulin"),
    ]


def test_a_disguised_term_before_a_plain_one_is_the_one_that_is_quoted() -> None:
    assert quotes(only("cures"), "it cur3s and cures") == ["cur3s"]


def test_two_rules_may_share_a_term() -> None:
    rules = [
        POLICY.rules[code].model_copy(update={"terms": ("wonder",)})
        for code in ("US-FTC", "US-101.93")
    ]
    found = Terms(Policy.of(rules)).find("A wonder", "US", "food")
    assert [one.rule.code for one in found] == ["US-FTC", "US-101.93"]


def test_a_quote_has_an_end() -> None:
    (quote,) = quotes(only("根治"), f"根{'*' * 5_000}治")
    assert len(quote) == 100


@pytest.mark.parametrize("term", ["\u3164", "\u115f\u1160"])
def test_a_term_without_letters_is_refused_with_its_rule(term: str) -> None:
    with pytest.raises(ConfigurationError, match=r"rule R-1, terms"):
        only(term)


def test_no_terms_and_no_copy_find_nothing() -> None:
    assert only().find("It cures", None, None) == []
    assert ALL.find("", None, None) == []


def test_the_places_of_letters_are_those_of_their_characters() -> None:
    folded = fold("ﬁt ①２ 療\u200b效")
    assert folded.letters == "fit12疗效"
    assert folded.starts == (0, 0, 1, 3, 4, 6, 8)


@given(st.text())
def test_folding_is_one_to_one_with_what_it_says(text: str) -> None:
    folded = fold(text)
    assert len(folded.starts) == len(folded.letters)
    assert len(folded.gaps) == len(folded.letters) + 1
    assert list(folded.starts) == sorted(folded.starts)
    again = fold(folded.letters).letters
    assert fold(again).letters == again
    assert is_cjk("根")
    assert not is_cjk("c")
