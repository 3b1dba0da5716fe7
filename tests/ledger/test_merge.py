"""Both branches of the Flow back into one case each."""

from docarray import DocList

from adjudicate.documents import Case, Finding, Problem
from executors.ledger.merge import merge


def answered(case: Case, **fields: object) -> Case:
    return case.model_copy(update={"verdict": "compliant", "probability": 0.1, **fields})


def test_the_order_is_the_librarys_and_the_answers_find_their_case() -> None:
    first, second, third = (Case(flagged=i != 1) for i in range(3))
    judged = [answered(third, probability=0.3), answered(first, probability=0.1)]
    merged = merge([first, second, third], judged)
    assert [case.id for case in merged] == [first.id, second.id, third.id]
    assert [case.probability for case in merged] == [0.1, None, 0.3]
    assert [case.verdict for case in merged] == ["compliant", "", "compliant"]


def test_versions_and_timings_of_both_branches_are_kept() -> None:
    case = Case(flagged=True, versions={"library": "3"}, timings={"library": 1.0})
    answer = answered(
        case,
        versions={"library": "3", "judge": "j"},
        timings={"judge": 2.0},
        findings=DocList[Finding]([Finding(rule="US-FTC")]),
        instruction_found=True,
    )
    (merged,) = merge([case], [answer])
    assert merged.versions == {"library": "3", "judge": "j"}
    assert merged.timings == {"library": 1.0, "judge": 2.0}
    assert [finding.rule for finding in merged.findings] == ["US-FTC"]
    assert merged.instruction_found


def test_the_judge_cannot_unflag_or_clear_a_near_duplicate() -> None:
    case = Case(flagged=True, near_duplicate="similarity", problem=Problem(code="internal"))
    answer = answered(case, flagged=False, near_duplicate="", problem=None)
    (merged,) = merge([case], [answer])
    assert merged.flagged
    assert merged.near_duplicate == "similarity"
    assert merged.problem is not None


def test_a_problem_of_the_judges_branch_is_the_cases() -> None:
    case = Case(flagged=True)
    (merged,) = merge([case], [answered(case, problem=Problem(code="internal"))])
    assert merged.problem is not None


def test_what_only_the_judges_branch_has_is_no_case() -> None:
    assert merge([], [Case(verdict="compliant")]) == []
