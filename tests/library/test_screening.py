"""What matches mean: flagged, near-duplicate, excused by a look-alike, sampled."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.library.likeness import Likeness, at_thresholds, threshold
from executors.library.screening import Screening, in_audit_sample, screen
from executors.library.store import Entry
from executors.library.terms import Found
from executors.library.thresholds import OFF, SIGNALS, Signal, Thresholds
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, LibrarySettings

THRESHOLDS = Thresholds(
    {}, {"image": 0.7, "text": 0.6, "image-text": 0.3}, ceiling=0.97, version="", source=""
)
SETTINGS = LibrarySettings(hash_distance=24, near_duplicate=0.97, max_matches=3)
RULE = load_policy(ROOT / "policies").rules["US-101.93"]
TERM = Found(RULE, "c u r e s")
ZEROS, ONES = "0" * 64, "f" * 64


def differing(bits: int) -> str:
    """A hash that differs from `ZEROS` in this many bits."""
    return f"{(1 << bits) - 1:064x}"


def known(name: str, similarity: float, phash: str = "", **labels: Any) -> Likeness:
    values = {"category": "cure", "rule": "CN-AL-16", "polarity": "violation", **labels}
    values |= {"severity": "high", "bank": "main"}
    entry = Entry(name, **values, phash=phash, enabled=True, image=None, text=None)
    return Likeness("image", entry, similarity)


def harmless(name: str, similarity: float, phash: str = "") -> Likeness:
    return known(name, similarity, phash, polarity="lookalike", rule="")


def screened(
    image: list[Likeness] | None = None,
    text: list[Likeness] | None = None,
    image_text: list[Likeness] | None = None,
    *,
    terms: tuple[Found, ...] = (),
    phash: str = ONES,
    settings: LibrarySettings = SETTINGS,
) -> Screening:
    given: dict[Signal, list[Likeness] | None] = {"image": image, "text": text}
    given["image-text"] = image_text
    found = {
        signal: [likeness._replace(signal=signal) for likeness in likenesses or ()]
        for signal, likenesses in given.items()
    }
    return screen(found, terms, phash, THRESHOLDS, settings)


def test_nothing_found_is_nothing_said() -> None:
    assert screened() == Screening()


def test_any_violation_flags_and_says_signal_and_category() -> None:
    result = screened([known("a", 0.8)], [known("b", 0.9, category="disease")])
    assert result.flagged
    assert result.near_duplicate == ""
    assert result.reasons == ("text:disease", "image:cure")


def test_the_furthest_above_its_threshold_comes_first_whatever_its_cosine() -> None:
    result = screened([known("a", 0.85)], [known("b", 0.7)], [known("c", 0.6)])
    assert result.reasons == ("image-text:cure", "image:cure", "text:cure")
    assert [match.signal for match in result.matches] == ["image-text", "image", "text"]


def test_a_look_alike_alone_flags_nothing() -> None:
    result = screened([harmless("a", 0.9)])
    assert not result.flagged
    assert result.reasons == ()
    assert [match.polarity for match in result.matches] == ["lookalike"]


@pytest.mark.parametrize("margin", [0.02, 0.1])
def test_a_look_alike_excuses_only_by_a_clear_margin(margin: float) -> None:
    settings = SETTINGS.model_copy(update={"lookalike_margin": margin})
    for lead, flagged in ((margin + 1e-9, False), (margin - 1e-9, True)):
        result = screened([harmless("a", 0.8 + lead), known("b", 0.8)], settings=settings)
        assert result.flagged is flagged
        assert result.reasons == (("image:cure",) if flagged else ("lookalike",))


def test_it_must_lead_every_violation_not_only_the_first() -> None:
    result = screened([known("b", 0.8), harmless("a", 0.85), known("c", 0.84)])
    assert result.flagged


def test_an_excused_violation_is_shown_after_what_excuses_it() -> None:
    result = screened([harmless("a", 0.9), known("b", 0.8)])
    assert [match.exemplar_id for match in result.matches] == ["a", "b"]


def test_a_harmless_picture_does_not_excuse_the_copy() -> None:
    result = screened([harmless("a", 0.95), known("b", 0.8)], [known("c", 0.7)])
    assert result.flagged
    assert result.reasons == ("text:cure", "lookalike")


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("other", SIGNALS)
def test_a_look_alike_answers_for_its_own_signal_alone(signal: Signal, other: Signal) -> None:
    """A known-good text does not clear the picture by `image`, nor a picture by `image-text`."""
    at = {"image": 0.8, "text": 0.8, "image-text": 0.8}
    found: dict[str, list[Likeness]] = {name.replace("-", "_"): [] for name in SIGNALS}
    found[signal.replace("-", "_")].append(known("v", at[signal]))
    found[other.replace("-", "_")].append(harmless("h", 0.9))
    result = screened(**found)
    assert result.flagged is (signal != other)
    assert ("lookalike" in result.reasons) is (signal == other)


def test_a_look_alike_does_not_answer_for_a_term() -> None:
    text = [harmless("a", 0.96), known("b", 0.8)]
    result = screened(text=text, terms=(TERM,))
    assert result.flagged
    assert result.reasons == ("term:US-101.93", "lookalike")
    assert [match.signal for match in result.matches] == ["term", "text", "text"]


def test_a_term_flags_by_itself_and_quotes_the_copy() -> None:
    result = screened(terms=(TERM,))
    assert result.flagged
    assert result.near_duplicate == ""
    assert result.reasons == ("term:US-101.93",)
    (match,) = result.matches
    assert (match.signal, match.rule, match.matched) == ("term", "US-101.93", "c u r e s")
    assert match.similarity >= match.threshold


def test_no_likeness_of_a_picture_to_a_text_makes_a_near_duplicate() -> None:
    result = screened(image_text=[known("a", 0.999, ZEROS)], phash=ZEROS)
    assert result.flagged
    assert result.near_duplicate == ""


def test_a_look_alike_never_excuses_what_is_almost_a_violation() -> None:
    result = screened([harmless("a", 1.0), known("b", 0.97)])
    assert result.flagged
    assert result.near_duplicate == "similarity"


@pytest.mark.parametrize(
    ("similarity", "bits", "near"),
    [
        (0.97, 24, "hash"),
        (0.97, 25, "similarity"),
        (0.969, 0, ""),
        (1.0, 0, "hash"),
    ],
)
def test_a_copy_is_one_by_hash_and_by_similarity(similarity: float, bits: int, near: str) -> None:
    result = screened([known("a", similarity, ZEROS)], phash=differing(bits))
    assert result.near_duplicate == near
    assert result.flagged is (near != "hash")


def test_a_copy_shows_the_agreement_of_the_hashes_and_comes_first() -> None:
    result = screened(
        [known("b", 0.999), known("a", 0.98, ZEROS)], [known("c", 0.99)], phash=differing(16)
    )
    assert result.near_duplicate == "hash"
    assert not result.flagged
    assert result.reasons[0] == "near_duplicate:hash"
    first = result.matches[0]
    assert (first.exemplar_id, first.signal, first.similarity) == ("a", "hash", 1 - 16 / 256)
    assert first.threshold == 1 - 24 / 256
    assert [match.exemplar_id for match in result.matches] == ["a", "c", "b"]


def test_copy_text_that_is_almost_a_violation_is_near_by_similarity() -> None:
    result = screened(text=[known("a", 0.98, ZEROS)], phash=ZEROS)
    assert result.near_duplicate == "similarity"
    assert result.flagged


def test_a_known_good_picture_as_near_as_the_violation_leaves_it_to_the_judge() -> None:
    copies = [known("bad", 0.98, differing(10)), harmless("good", 0.99, differing(2))]
    result = screened(copies, phash=ZEROS)
    assert result.near_duplicate == "similarity"
    assert result.flagged
    tied = [known("bad", 0.99, differing(2)), harmless("good", 0.98, differing(2))]
    assert screened(tied, phash=ZEROS).near_duplicate == "similarity"
    nearer = [known("bad", 0.98, differing(1)), harmless("good", 0.99, differing(2))]
    assert screened(nearer, phash=ZEROS).near_duplicate == "hash"


def test_every_hit_counts_though_only_some_are_shown() -> None:
    crowd = [harmless(f"h{i}", 0.81) for i in range(5)]
    result = screened([*crowd, known("v", 0.8)])
    assert result.flagged
    assert len(result.matches) == SETTINGS.max_matches
    assert result.matches[0].exemplar_id == "v"


def test_a_crowd_of_one_signal_does_not_hide_what_another_found() -> None:
    crowd = [known(f"v{i}", 0.95) for i in range(9)]
    result = screened(crowd, [known("t", 0.61)], terms=(TERM,))
    assert [match.signal for match in result.matches] == ["image", "text", "term"]


def test_a_match_carries_its_threshold() -> None:
    result = screened([known("a", 1.0000001)])
    assert result.matches[0].threshold == 0.7
    assert result.matches[0].similarity == 1.0


@pytest.mark.parametrize("distance", [24, 256])
@pytest.mark.parametrize("phash", ["", "0" * 63, "z" * 64])
def test_a_picture_without_a_usable_hash_is_no_copy(distance: int, phash: str) -> None:
    settings = SETTINGS.model_copy(update={"hash_distance": distance})
    result = screened([known("a", 1.0, phash)], phash=phash, settings=settings)
    assert result.near_duplicate == "similarity"


def test_a_look_alike_without_a_category_counts_from_the_lowest_threshold_on() -> None:
    thresholds = Thresholds(
        {"image": {"cure": 0.7, "safety": 0.9}, "image-text": {"cure": 0.3, "safety": OFF}},
        {"image": 0.8, "text": 0.8, "image-text": OFF},
        ceiling=0.97,
        version="",
        source="",
    )
    assert threshold(thresholds, "image", "") == 0.7
    assert threshold(thresholds, "image-text", "") == 0.3
    assert threshold(thresholds, "text", "") == 0.8
    assert threshold(thresholds, "image", "safety") == 0.9
    kept = at_thresholds(
        {"image": [known("a", 0.7), known("b", 0.6999), known("c", 0.7, category="safety")]},
        thresholds,
    )
    assert [likeness.entry.id for likeness in kept["image"]] == ["a"]


def level(result: Screening) -> int:
    """How far an ad is from being approved unseen."""
    if result.near_duplicate:
        assert result.flagged is (result.near_duplicate == "similarity")
    return {"hash": 3, "similarity": 2, "": int(result.flagged)}[result.near_duplicate]


hashes = st.sampled_from(["", ZEROS, differing(3), differing(20), differing(30), ONES])
likenesses = st.builds(
    lambda signal, entry, similarity: Likeness(signal, entry, similarity),
    st.sampled_from(SIGNALS),
    st.builds(
        lambda name, phash, polarity: known(name, 0, phash, polarity=polarity).entry,
        st.uuids().map(str),
        hashes,
        st.sampled_from(["violation", "lookalike"]),
    ),
    st.sampled_from([0.7, 0.75, 0.77, 0.8, 0.96, 0.97, 0.98, 1.0]) | st.floats(0.7, 1),
)


def of(found: list[Likeness], terms: tuple[Found, ...], phash: str) -> Screening:
    by_signal = {s: [likeness for likeness in found if likeness.signal == s] for s in SIGNALS}
    return screen(by_signal, terms, phash, THRESHOLDS, SETTINGS)


@given(st.lists(likenesses, max_size=8), likenesses, st.sampled_from([(), (TERM,)]), hashes)
def test_a_violation_never_unflags_and_a_look_alike_never_flags(
    found: list[Likeness], more: Likeness, terms: tuple[Found, ...], phash: str
) -> None:
    before, after = of(found, terms, phash), of([*found, more], terms, phash)
    if more.violates:
        assert level(after) >= level(before)
    else:
        assert level(after) <= level(before)
    assert level(of(found, (TERM,), phash)) >= level(of(found, (), phash))


@given(st.permutations(range(6)), st.lists(likenesses, min_size=6, max_size=6), hashes)
def test_the_order_of_what_was_found_decides_nothing(
    order: list[int], found: list[Likeness], phash: str
) -> None:
    one, other = of(found, (), phash), of([found[at] for at in order], (), phash)
    assert (one.flagged, one.near_duplicate) == (other.flagged, other.near_duplicate)
    assert set(one.reasons) == set(other.reasons)


@given(st.lists(likenesses, max_size=8), st.sampled_from([(), (TERM,)]), hashes)
def test_what_flags_is_shown_with_its_reason(
    found: list[Likeness], terms: tuple[Found, ...], phash: str
) -> None:
    result = of(found, terms, phash)
    said = {match.signal for match in result.matches if match.polarity == "violation"}
    by_reason = {reason.split(":")[0] for reason in result.reasons} & {*SIGNALS, "term"}
    if len(by_reason) < SETTINGS.max_matches and result.near_duplicate != "hash":
        assert by_reason - {"image"} <= said
        assert "image" not in by_reason or said & {"image", "hash"}
    assert len(result.matches) == min(len(found) + len(terms), SETTINGS.max_matches)


def test_the_audit_sample_is_seeded_and_has_its_share() -> None:
    names = [f"{i:064x}" for i in range(20_000)]
    first = [in_audit_sample(name, 0, 0.05) for name in names]
    assert first == [in_audit_sample(name, 0, 0.05) for name in names]
    assert first != [in_audit_sample(name, 1, 0.05) for name in names]
    assert 0.04 < sum(first) / len(names) < 0.06
    assert not any(in_audit_sample(name, 0, 0.0) for name in names[:100])
    assert all(in_audit_sample(name, 0, 1.0) for name in names[:100])
