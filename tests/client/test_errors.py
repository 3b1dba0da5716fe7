"""The tree of exceptions: one class per way out, found by the code."""

from __future__ import annotations

import pickle  # noqa: TID251 - how pools of processes hand errors on
import re

import pytest

import adjudicate
from adjudicate import AdError, Decision, RequestError, ServiceError, errors
from adjudicate.documents import Problem
from adjudicate.errors import STATUS, AdjudicateError, Code, error_class, fault


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_class_that_agrees_with_its_status(code: Code) -> None:
    kind = error_class(code)
    assert issubclass(kind, ServiceError) == (STATUS[code].http >= 500)
    assert issubclass(kind, RequestError) == (STATUS[code].http < 500)
    assert type(fault(code)) is kind


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (401, "AuthenticationError"),
        (403, "ForbiddenError"),
        (404, "NotFoundError"),
        (409, "ConflictError"),
        (413, "TooLargeError"),
        (429, "RateLimitError"),
        (503, "UnavailableError"),
        (504, "DeadlineError"),
    ],
)
def test_codes_of_one_status_are_caught_by_one_class(status: int, name: str) -> None:
    kind = getattr(errors, name)
    for code in Code:
        assert issubclass(error_class(code), kind) == (STATUS[code].http == status), code


def test_every_class_of_the_tree_is_public_and_drawn() -> None:
    def below(kind: type) -> set[str]:
        return {kind.__name__}.union(*(below(one) for one in kind.__subclasses__()))

    ours = {name for name in below(AdjudicateError) if hasattr(errors, name)}
    drawn = set(re.findall(r"\w+Error\b", errors.__doc__ or ""))
    assert drawn - {"ConfigurationError"} == ours
    assert drawn == {name for name in adjudicate.__all__ if name.endswith("Error")}


@pytest.mark.parametrize("code", [Code.RATE_LIMITED, Code.OVERLOADED, Code.MALFORMED])
def test_an_error_is_the_same_after_pickle(code: Code) -> None:
    error = fault(code, "wait", retry_after=2.5)
    error.add_note("ads of the failed request: 1")
    back = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(back) is type(error)
    assert (back.code, back.detail, back.retry_after) == (code, "wait", 2.5)
    assert (str(back), back.__notes__) == (str(error), error.__notes__)


def test_a_decision_raises_for_its_problem_alone() -> None:
    fine = Decision(outcome="approve")
    assert fine.raise_for_problem() is fine
    with pytest.raises(AdError, match="no bytes") as caught:
        Decision(problem=Problem(code="image_empty", detail="no bytes")).raise_for_problem()
    assert caught.value.code is Code.IMAGE_EMPTY
    with pytest.raises(AdError, match="of_tomorrow"):
        Decision(problem=Problem(code="of_tomorrow")).raise_for_problem()
