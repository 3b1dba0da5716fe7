"""What matches mean: flagged, near-duplicate, excused by a look-alike, sampled."""

from typing import Any

import pytest

from executors.library.screening import (
    LOOKALIKE_MARGIN,
    Likeness,
    Screening,
    hash_distance,
    in_audit_sample,
    screen,
)
from executors.library.store import Entry
from executors.library.thresholds import Thresholds
from executors.shared.settings import LibrarySettings

THRESHOLDS = Thresholds({"image": {}, "text": {}}, {"image": 0.7, "text": 0.6}, 0.97, "", "")
SETTINGS = LibrarySettings(hash_distance=24, near_duplicate=0.97, max_matches=3)
ZEROS, ONES = "0" * 64, "f" * 64


def differing(bits: int) -> str:
    """A hash that differs from `ZEROS` in this many bits."""
    return f"{(1 << bits) - 1:064x}"


def known(name: str, similarity: float, phash: str = "", **labels: Any) -> Likeness:
    values = {"category": "cure", "rule": "CN-AL-16", "polarity": "violation", **labels}
    return Likeness(
        Entry(name, **values, encoder_version="", phash=phash, enabled=True, image=None, text=None),
        similarity,
    )


def harmless(name: str, similarity: float, phash: str = "") -> Likeness:
    return known(name, similarity, phash, polarity="lookalike", rule="")


def screened(
    image: list[Likeness] | None = None, text: list[Likeness] | None = None, phash: str = ONES
) -> Screening:
    found = {"image": image or [], "text": text or []}
    return screen(found, phash, THRESHOLDS, SETTINGS)  # type: ignore[arg-type]


def test_nothing_found_is_nothing_said() -> None:
    assert screened() == Screening()


def test_any_violation_flags_and_says_signal_and_category() -> None:
    result = screened([known("a", 0.8)], [known("b", 0.9, category="disease")])
    assert result.flagged
    assert result.near_duplicate == ""
    assert result.reasons == ("text:disease", "image:cure")


def test_a_look_alike_alone_flags_nothing() -> None:
    result = screened([harmless("a", 0.9)])
    assert not result.flagged
    assert result.reasons == ()
    assert [match.polarity for match in result.matches] == ["lookalike"]


@pytest.mark.parametrize(("lead", "flagged"), [(LOOKALIKE_MARGIN + 1e-9, False), (0.019, True)])
def test_a_look_alike_excuses_only_by_a_clear_margin(lead: float, flagged: bool) -> None:
    result = screened([harmless("a", 0.8 + lead), known("b", 0.8)])
    assert result.flagged is flagged
    assert result.reasons == (("image:cure",) if flagged else ("lookalike",))


def test_a_harmless_picture_does_not_excuse_the_copy() -> None:
    result = screened([harmless("a", 0.95), known("b", 0.8)], [known("c", 0.7)])
    assert result.flagged
    assert result.reasons == ("text:cure", "lookalike")


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
    assert [match.exemplar_id for match in result.matches] == ["a", "b", "c"]


def test_copy_text_that_is_almost_a_violation_is_near_by_similarity() -> None:
    result = screened(text=[known("a", 0.98, ZEROS)], phash=ZEROS)
    assert result.near_duplicate == "similarity"
    assert result.flagged


def test_a_known_good_picture_as_near_as_the_violation_leaves_it_to_the_judge() -> None:
    copies = [known("bad", 0.98, differing(10)), harmless("good", 0.99, differing(2))]
    result = screened(copies, phash=ZEROS)
    assert result.near_duplicate == "similarity"
    assert result.flagged
    nearer = [known("bad", 0.98, differing(1)), harmless("good", 0.99, differing(2))]
    assert screened(nearer, phash=ZEROS).near_duplicate == "hash"


def test_every_hit_counts_though_only_some_are_shown() -> None:
    crowd = [harmless(f"h{i}", 0.81) for i in range(5)]
    result = screened([*crowd, known("v", 0.8)])
    assert result.flagged
    assert len(result.matches) == SETTINGS.max_matches
    assert result.matches[-1].exemplar_id == "v"


def test_a_match_carries_its_threshold() -> None:
    result = screened([known("a", 1.0000001)])
    assert result.matches[0].threshold == 0.7
    assert result.matches[0].similarity == 1.0


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        (ZEROS, ZEROS, 0),
        (ZEROS, ONES, 256),
        (ZEROS, differing(3), 3),
        ("", "", 256),
        ("00", "00", 256),
        ("zz" * 32, ZEROS, 256),
    ],
)
def test_hash_distance_counts_bits_and_trusts_no_other_text(
    one: str, other: str, distance: int
) -> None:
    assert hash_distance(one, other) == distance


def test_the_audit_sample_is_seeded_and_has_its_share() -> None:
    names = [f"{i:064x}" for i in range(20_000)]
    first = [in_audit_sample(name, 0, 0.05) for name in names]
    assert first == [in_audit_sample(name, 0, 0.05) for name in names]
    assert first != [in_audit_sample(name, 1, 0.05) for name in names]
    assert 0.04 < sum(first) / len(names) < 0.06
    assert not any(in_audit_sample(name, 0, 0.0) for name in names[:100])
    assert all(in_audit_sample(name, 0, 1.0) for name in names[:100])
