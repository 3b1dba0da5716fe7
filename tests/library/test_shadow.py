"""Shadow thresholds in the room: they look at every ad, and decide nothing."""

import json
from collections.abc import Callable

from docarray import DocList

from adjudicate.documents import Case, Exemplar, Problem, ThresholdVersion
from executors.library.executor import Library
from executors.library.shadow_counts import ShadowCounts
from tests.library.handmade import FIRST_AXIS, at_cosine, picture, pictured


async def shadowed(open_library: Callable[..., Library], cure: float) -> Library:
    """A room whose file flags `cure` from 0.7 on, beside a shadow."""
    library = open_library()
    await library.add(DocList[Exemplar]([picture(b"cure", encoder_version="v1")]))
    content = json.dumps({"image": {"cure": cure}})
    asked = ThresholdVersion(content=content, state="shadow", encoder_version="v1")
    (added,) = await library.add_thresholds(DocList[ThresholdVersion]([asked]))
    assert added.problem is None
    return library


def ad(cosine: float) -> Case:
    return pictured(at_cosine(cosine), versions={"encoder": "v1"})


async def test_a_higher_shadow_would_let_pass_what_is_flagged(
    open_library: Callable[..., Library],
) -> None:
    library = await shadowed(open_library, 0.9)
    docs = DocList[Case]([ad(0.8), ad(0.95), ad(0.5)])
    between, above, below = await library.review(docs)
    assert [case.flagged for case in (between, above, below)] == [True, True, False]
    assert [case.shadow_flagged for case in (between, above, below)] == [False, True, False]
    assert len(between.versions["shadow_thresholds"]) == 12
    assert library.describe().counters == {
        "shadow_passes_flagged": 1,
        "shadow_both_flag": 1,
        "shadow_both_pass": 1,
    }


async def test_a_lower_shadow_sees_what_is_passed(open_library: Callable[..., Library]) -> None:
    library = await shadowed(open_library, 0.6)
    (case,) = await library.review(DocList[Case]([ad(0.65)]))
    assert (case.flagged, case.shadow_flagged) == (False, True)
    assert case.matches == [], "the evidence is that of the active thresholds"


async def test_without_a_shadow_nothing_is_said(open_library: Callable[..., Library]) -> None:
    library = open_library()
    await library.add(DocList[Exemplar]([picture(b"cure")]))
    (case,) = await library.review(DocList[Case]([pictured(FIRST_AXIS)]))
    assert case.shadow_flagged is None
    assert library.describe().counters == {}


def test_what_was_not_screened_is_not_counted_and_a_sampled_ad_as_passed() -> None:
    counts = ShadowCounts()
    counts.count(
        [
            Case(flagged=True, shadow_flagged=True, problem=Problem(code="internal")),
            Case(flagged=True),
            Case(flagged=True, audit=True, shadow_flagged=False),
        ]
    )
    assert counts.counters() == {"shadow_both_pass": 1}
