"""Both branches of the Flow back into one case each."""

from __future__ import annotations

from collections.abc import Iterable

from adjudicate.documents import Case

_JUDGED = (*("verdict", "probability", "findings", "instruction_found", "judge_notes", "cached"),)


def merge(screened: Iterable[Case], judged: Iterable[Case]) -> list[Case]:
    """The library's cases in their order, each with what the judge added to it.

    Of the judge's branch only the judge's fields are taken, so that it cannot unflag a case. A
    flagged case that the judge's branch lacks stays without a verdict.
    """
    by_id = {case.id: case for case in judged}
    cases = list(screened)
    for case in cases:
        answer = by_id.get(case.id)
        if answer is None or answer is case:
            continue
        for name in _JUDGED:
            setattr(case, name, getattr(answer, name))
        case.problem = case.problem or answer.problem
        case.versions = {**case.versions, **answer.versions}
        case.timings = {**case.timings, **answer.timings}
    return cases
