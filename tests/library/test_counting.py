"""What the library's metrics say of the screen and of what it searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from docarray import DocList

from adjudicate.documents import Case, Exemplar, Problem
from executors.library.counting import signals_of
from executors.library.executor import Library
from executors.library.index.audit import Audit
from executors.library.index.base import Hit
from executors.shared.telemetry.catalogue import (
    EXEMPLARS,
    FLAGGED,
    LIBRARY_VERSION,
    SCREENED,
    SEARCH_AUDITED,
    SEARCH_RECALL,
    SEARCH_SECONDS,
    VERSION,
)
from tests.library.handmade import (
    FIRST_AXIS,
    ZEROS,
    at_cosine,
    picture,
    pictured,
    unit,
)
from tests.telemetry.recorded import Since, recording


@pytest.fixture
def database(tmp_path: Path) -> str:
    """One database is enough: what is counted is not its work."""
    return f"sqlite:///{tmp_path / 'library.db'}"


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    with recording():
        yield


async def add(library: Library, *exemplars: Exemplar) -> None:
    held = await library.add(DocList[Exemplar](exemplars))
    assert [one.problem for one in held] == [None] * len(exemplars)


async def test_ads_count_by_the_signals_that_flagged_them(library: Library) -> None:
    await add(library, picture(b"cure", phash=ZEROS))
    screened, flagged, searches = Since(SCREENED), Since(FLAGGED), Since(SEARCH_SECONDS)
    cases = [
        pictured(at_cosine(0.9)),
        pictured(at_cosine(0.99), phash=ZEROS),
        pictured(unit(0, 1, 0, 0)),
        pictured(FIRST_AXIS, problem=Problem(code="image_empty")),
    ]
    await library.review(DocList[Case](cases))
    assert screened.of() == 3
    assert flagged.of(signal="image") == 2
    assert flagged.of(signal="hash") == 1
    assert searches.of(index="exact") >= 1


@pytest.mark.parametrize(
    ("fields", "signals"),
    [
        ({"reasons": ["image:cure", "term:CN-AL-16", "lookalike"]}, {"image", "term"}),
        ({"reasons": ["image-text:cure", "text:cure", "text:safe"]}, {"image-text", "text"}),
        ({"reasons": ["near_duplicate:hash"], "near_duplicate": "hash"}, {"hash"}),
        ({"reasons": ["near_duplicate:similarity"], "near_duplicate": "similarity"}, set()),
        ({"reasons": ["audit_sample"], "audit": True}, {"audit"}),
    ],
)
def test_the_signals_are_those_of_the_reasons(fields: dict, signals: set[str]) -> None:
    assert signals_of(Case(**fields)) == signals


async def test_the_gauges_follow_what_the_library_holds(library: Library) -> None:
    assert EXEMPLARS.read() == {(("polarity", "violation"),): 0, (("polarity", "lookalike"),): 0}
    await add(library, picture(b"1"), picture(b"2"), picture(b"3", polarity="lookalike"))
    assert EXEMPLARS.read() == {(("polarity", "violation"),): 2, (("polarity", "lookalike"),): 1}
    before = LIBRARY_VERSION.read()[()]
    await add(library, picture(b"4"))
    assert LIBRARY_VERSION.read()[()] > before
    assert EXEMPLARS.read()[(("polarity", "violation"),)] == 3
    kinds = {dict(key)["kind"] for key in VERSION.read()}
    assert {"thresholds", "policy"} <= kinds


async def test_an_exact_index_says_that_it_misses_nothing(library: Library) -> None:
    await add(library, picture(b"1"))
    await library.review(DocList[Case]([pictured(FIRST_AXIS)]))
    assert SEARCH_RECALL.read() == {(): 1.0}


def test_a_closed_library_says_nothing_more(open_library: Callable[..., Library]) -> None:
    open_library().close()
    assert EXEMPLARS.read() == {}


def test_an_audit_counts_what_was_found_and_missed() -> None:
    audited = Since(SEARCH_AUDITED)
    exact = [[Hit(0, 0.9), Hit(1, 0.8), Hit(2, 0.8)]]
    audit = Audit(lambda ads, floors, live: exact, share=1.0, seed=0)
    ad = np.ones((1, 4), np.float32)
    audit.offer([ad], np.zeros(3), np.ones(3, bool), [[Hit(0, 0.9), Hit(2, 0.8)]])
    audit.wait()
    audit.close()
    assert audited.of(result="found") == 2
    assert audited.of(result="missed") == 1
