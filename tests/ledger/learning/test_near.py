"""Near-duplicates: by the pictures' hashes or by the copy, the nearest first."""

from types import SimpleNamespace
from typing import Any

from executors.ledger.learning.near import HASH_BITS, Content, distances, nearest
from executors.shared.perceptual_hash import hash_distance
from tests.ledger.learning.made import PHASH, apart

HELD = Content("picture", PHASH, "copy")


def row(name: str, picture: str = "", phash: str = "", copy: str = "", gone: str = "") -> Any:
    return SimpleNamespace(
        decision_id=name, picture=picture, phash=phash, copy_hash=copy, copy_gone_at=gone
    )


def near(*rows: Any, of: Content = HELD, most: int = 10) -> list[tuple[str, int | None, bool]]:
    found = nearest([rows], of, 31, most)
    return [(one.decision_id, one.distance, one.whole) for one in found.nearest]


def test_a_copy_of_the_picture_counts_up_to_the_librarys_distance() -> None:
    rows = [row("in", "a", apart(31), "copy"), row("out", "b", apart(32), "other")]
    assert near(*rows) == [("in", 31, True)]


def test_the_same_bytes_are_a_copy_even_without_a_hash() -> None:
    of = HELD._replace(phash="")
    assert near(row("same", "picture", "", "copy"), of=of) == [("same", 0, True)]
    assert near(row("none", "", "", "other"), of=of) == []


def test_of_what_is_alike_in_one_part_only_the_other_part_differs() -> None:
    rows = [
        row("picture", "a", PHASH, "other"),
        row("copy", "b", apart(200), "copy"),
        row("no picture", "", "", "copy"),
        row("no copy", "c", PHASH, ""),
    ]
    assert sorted(near(*rows)) == [
        *(("copy", None, False), ("no copy", 0, False), ("no picture", None, False)),
        ("picture", 0, False),
    ]


def test_ads_of_a_picture_alone_or_of_copy_alone_are_alike_as_a_whole() -> None:
    assert near(row("p", "a", PHASH), of=HELD._replace(copy_hash="")) == [("p", 0, True)]
    assert near(row("c", copy="copy"), of=Content("", "", "copy")) == [("c", None, True)]


def test_copy_that_is_no_longer_kept_may_have_differed() -> None:
    of = HELD._replace(copy_hash="")
    assert near(row("kept", "a", PHASH), of=of) == [("kept", 0, True)]
    assert near(row("gone", "a", PHASH, gone="2026-01-01"), of=of) == [("gone", 0, False)]


def test_the_nearest_are_held_and_all_are_counted() -> None:
    parts = [[row(f"{bits:02}", "p", apart(bits), "copy")] for bits in (9, 3, 30, 1)]
    found = nearest(parts, HELD, 31, 2)
    assert [one.decision_id for one in found.nearest] == ["01", "03"]
    assert found.count == 4


def test_distances_are_those_of_the_hashes() -> None:
    hashes = [PHASH, apart(1), apart(100), "", "f" * 63]
    expected = [hash_distance(one, PHASH) for one in hashes]
    assert distances(hashes, PHASH).tolist() == expected
    assert distances(hashes, "").tolist() == [HASH_BITS] * 5
    assert distances([], PHASH).tolist() == []
