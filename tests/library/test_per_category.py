"""The best of each category: exact, in blocks, whatever lies between."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from docarray import DocList

from adjudicate.documents import Case, Exemplar
from executors.library import per_category
from executors.library.executor import Library
from executors.library.index import FollowingIndex
from executors.library.per_category import best_per_category, write_best_per_category
from executors.library.store import Entry
from executors.library.thresholds import OFF, Thresholds
from tests.library.handmade import FIRST_AXIS, at_cosine, picture, pictured, unit, worded, wording

THRESHOLDS = Thresholds(
    {"image": {"cure": 0.7}}, {"image": 0.8, "text": 0.8, "image-text": OFF}, 1.0, "", ""
)


def entry(name: str, **fields: Any) -> Entry:
    given = {"category": "cure", "rule": "R", "polarity": "violation", "severity": "medium"}
    vectors = {"image": None, "text": None}
    rest = {"bank": "main", "phash": "", "enabled": True}
    return Entry(**{"id": name, **given, **rest, **vectors, **fields})


class Held:
    """Exemplars as SQL gives them."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = list(entries)

    def version(self) -> int:
        return 1

    def changes_since(self, version: int, encoder_version: str) -> tuple[int, list[Entry]]:
        return 1, self.entries if version < 1 else []


def best_of(held: Held, *cases: Case, index: bool = True) -> list[dict[tuple[str, str], Any]]:
    """By signal and category: exemplar and similarity; from the index's vectors or from SQL's."""
    snapshot = FollowingIndex(held).current("")
    if not index:
        snapshot.indexes["image"].__dict__.pop("rows")
        snapshot.indexes["text"].__dict__.pop("rows")
    write_best_per_category(snapshot, cases, THRESHOLDS, lambda _: held.entries)
    return [
        {(m.signal, m.category): (m.exemplar_id, m.similarity) for m in case.matches}
        for case in cases
    ]


@pytest.fixture(params=[True, False], ids=["of the index", "of SQL"])
def index(request: pytest.FixtureRequest) -> bool:
    found: bool = request.param
    return found


def test_each_signal_compares_what_its_name_says(index: bool) -> None:
    held = Held(
        entry("shown", image=at_cosine(0.9)),
        entry("said", text=np.stack([unit(0, 0, 0, 1), at_cosine(0.6)])),
    )
    seen, read = best_of(
        held, pictured(FIRST_AXIS), worded(unit(0, 0, 1, 0), FIRST_AXIS), index=index
    )
    assert seen == {
        ("image", "cure"): ("shown", pytest.approx(0.9)),
        ("image-text", "cure"): ("said", pytest.approx(0.6)),
    }
    assert read == {("text", "cure"): ("said", pytest.approx(0.6))}


def test_only_violations_that_are_in_use_count(index: bool) -> None:
    held = Held(
        entry("off", image=FIRST_AXIS, enabled=False),
        entry("fine", image=FIRST_AXIS, polarity="lookalike"),
        entry("held", image=at_cosine(0.2)),
    )
    (best,) = best_of(held, pictured(FIRST_AXIS), index=index)
    assert best["image", "cure"][0] == "held"


def test_blocks_find_what_brute_force_finds(index: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(per_category, "BLOCK", 7)
    monkeypatch.setattr("executors.library.index.rows.CHUNK_ROWS", 7)
    rng = np.random.default_rng(4)

    def vectors(count: int) -> np.ndarray:
        made = rng.normal(size=(count, 8))
        return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)

    shown, asked = vectors(50), vectors(9)
    held = Held(*(entry(str(n), image=shown[n], category=f"c{n % 3}") for n in range(50)))
    found = best_of(held, *(pictured(vector) for vector in asked), index=index)
    cosines = asked.astype(np.float64) @ shown.T.astype(np.float64)
    for ad, best in enumerate(found):
        for category in range(3):
            of_category = cosines[ad, category::3]
            name = str(category + 3 * int(of_category.argmax()))
            assert best["image", f"c{category}"] == (
                name,
                pytest.approx(of_category.max(), abs=1e-6),
            )


def test_the_matches_say_the_threshold_or_that_there_is_none() -> None:
    case = pictured(at_cosine(0.5))
    held = Held(entry("shown", image=FIRST_AXIS), entry("said", text=at_cosine(0.9)[None]))
    best_of(held, case)
    assert [(m.signal, m.threshold) for m in case.matches] == [("image-text", 0.0), ("image", 0.7)]
    assert not case.flagged


def test_nothing_to_compare_is_no_match() -> None:
    assert best_per_category({}, [Case(text="")]) == [{}]
    assert best_of(Held(), pictured(FIRST_AXIS)) == [{}]


async def test_the_room_answers_it_to_a_search(open_library: Callable[..., Library]) -> None:
    library = open_library()
    exemplars = [picture(b"%d" % n, at_cosine(n / 10), category="cure") for n in range(9)]
    exemplars.append(picture(b"far", at_cosine(0.05), category="disease"))
    exemplars.append(wording("heals", at_cosine(0.3), category="disease"))
    await library.add(DocList[Exemplar](exemplars))
    docs = DocList[Case]([pictured(FIRST_AXIS)])
    (case,) = await library.search(docs, parameters={"limit": 2.0, "per_category": True})
    assert [(m.signal, m.category, round(m.similarity, 2)) for m in case.matches] == [
        ("image", "cure", 0.8),
        ("image-text", "disease", 0.3),
        ("image", "disease", 0.05),
    ]
    docs = DocList[Case]([pictured(FIRST_AXIS)])
    (refused,) = await library.search(docs, parameters={"per_category": "yes"})
    assert refused.problem is not None
    assert refused.problem.code == "invalid_field"
