"""The library room while its policy changes: terms, the exemplars' rules, copies of violations."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from docarray import DocList

from adjudicate.documents import Case, Exemplar
from adjudicate.errors import Code
from executors.library.executor import Library
from tests.library.handmade import FIRST_AXIS, ZEROS, at_cosine, picture, pictured, unit, worded

FAR = unit(0, 0, 0, 1)


def rule(code: str, *terms: str, **changes: Any) -> dict[str, Any]:
    return {
        "code": code,
        "law": "A law",
        "article": "art. 1",
        "markets": ["US"],
        "products": ["food"],
        "severity": "high",
        "text": {"en": "No cures.", "zh": "不得宣称治愈。"},
        "terms": list(terms),
        **changes,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    policy = tmp_path / "policy"
    policy.mkdir()
    return policy


def write(folder: Path, *rules: dict[str, Any]) -> None:
    text = yaml.safe_dump({"rules": list(rules)}, allow_unicode=True)
    folder.joinpath("a.yaml").write_text(text, encoding="utf-8")


@pytest.fixture
def library(open_library: Callable[..., Library], folder: Path) -> Library:
    write(folder, rule("R-1", "cures"), rule("R-2", "heals"))
    return open_library(shared={"policies": folder, "policy_poll_s": 0.05})


def soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 10
    while not true() and time.monotonic() < until:
        time.sleep(0.01)
    return true()


def switch(library: Library, folder: Path, *rules: dict[str, Any]) -> None:
    """Edit the policy and wait until it is in force."""
    before = library._policies.current
    write(folder, *rules)
    assert soon(lambda: library._policies.current is not before)


async def review(library: Library, case: Case) -> Case:
    (reviewed,) = await library.review(DocList[Case]([case]))
    return reviewed


def saying(text: str) -> Case:
    case = worded(FAR, market="US", product="food")
    case.text = text
    return case


async def add(library: Library, exemplar: Exemplar) -> Exemplar:
    (held,) = await library.add(DocList[Exemplar]([exemplar]))
    return held


async def test_terms_are_those_of_the_policy_in_force(library: Library, folder: Path) -> None:
    before = await review(library, saying("It cures and soothes"))
    assert before.reasons == ["term:R-1"]
    switch(library, folder, rule("R-1", "cures"), rule("R-2", "soothes"))
    after = await review(library, saying("It cures and soothes"))
    assert after.reasons == ["term:R-1", "term:R-2"]
    assert before.versions["policy"] != after.versions["policy"]
    assert after.versions["policy"] == library._policies.current.version
    assert library.describe().facts["policy"] == after.versions["policy"]


async def test_terms_of_a_rule_that_is_off_flag_nothing(library: Library, folder: Path) -> None:
    switch(library, folder, rule("R-1", "cures", enabled=False), rule("R-2", "heals"))
    case = await review(library, saying("It cures"))
    assert (case.flagged, case.reasons) == (False, [])


async def test_a_wrong_edit_changes_nothing_and_the_status_says_so(
    library: Library, folder: Path
) -> None:
    version = library._policies.current.version
    write(folder, rule("R-1", "cures", severity="grave"))
    assert soon(lambda: "policy problem" in library.describe().facts)
    facts = library.describe().facts
    assert facts["policy"] == version
    assert "rule R-1, severity: grave is not known" in facts["policy problem"]
    assert library.describe().ready
    assert (await review(library, saying("It heals"))).reasons == ["term:R-2"]


async def test_a_term_that_reads_as_nothing_keeps_the_old_terms(
    library: Library, folder: Path
) -> None:
    write(folder, rule("R-1", "\u3164"))
    assert soon(lambda: "neither letters" in library.describe().facts.get("policy problem", ""))
    assert (await review(library, saying("It cures"))).reasons == ["term:R-1"]


async def test_an_exemplars_rule_must_stand_in_the_policy_in_force(
    library: Library, folder: Path
) -> None:
    refused = await add(library, picture(b"one", rule="R-3"))
    assert refused.problem is not None
    assert refused.problem.code == Code.INVALID_FIELD
    assert "not in the policy" in refused.problem.detail
    switch(library, folder, rule("R-3"), rule("R-2", enabled=False))
    assert (await add(library, picture(b"one", rule="R-3"))).problem is None
    assert (await add(library, picture(b"two", rule="R-2"))).problem is None
    assert (await add(library, picture(b"three", rule="R-1"))).problem is not None


async def test_a_copy_of_what_a_switched_off_rule_forbade_is_judged_not_rejected(
    library: Library, folder: Path
) -> None:
    held = await add(library, picture(b"known", rule="R-1", phash=ZEROS))
    case = await review(library, pictured(FIRST_AXIS, phash=ZEROS))
    assert (case.near_duplicate, case.flagged, case.matches[0].rule) == ("hash", False, "R-1")
    switch(library, folder, rule("R-1", enabled=False), rule("R-2"))
    case = await review(library, pictured(FIRST_AXIS, phash=ZEROS))
    assert (case.near_duplicate, case.flagged) == ("", True)
    assert case.reasons == ["image:cure"]
    (match,) = case.matches
    assert (match.exemplar_id, match.rule) == (held.id, "")
    switch(library, folder, rule("R-1"), rule("R-2"))
    case = await review(library, pictured(FIRST_AXIS, phash=ZEROS))
    assert (case.near_duplicate, case.matches[0].rule) == ("hash", "R-1")


async def test_what_is_like_a_switched_off_rules_violation_is_for_the_judge_alone(
    library: Library, folder: Path
) -> None:
    await add(library, picture(b"known", rule="R-1"))
    assert (await review(library, pictured(at_cosine(0.98)))).near_duplicate == "similarity"
    switch(library, folder, rule("R-2"))
    case = await review(library, pictured(at_cosine(0.98)))
    assert (case.near_duplicate, case.flagged, case.reasons) == ("", True, ["image:cure"])


async def test_a_copy_of_violations_of_two_rules_is_rejected_by_the_one_in_force(
    library: Library, folder: Path
) -> None:
    await add(library, picture(b"one", rule="R-1", phash=ZEROS))
    await add(library, picture(b"two", rule="R-2", phash=ZEROS))
    switch(library, folder, rule("R-2"))
    case = await review(library, pictured(FIRST_AXIS, phash=ZEROS))
    assert case.near_duplicate == "hash"
    assert {match.rule for match in case.matches if match.signal == "hash"} == {"R-2"}
