"""One batch of flagged ads through the judge. Whatever cannot be used is never `compliant`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adjudicate.documents import Case, Finding
from adjudicate.errors import AdError
from executors.judge.answer import Answer, UnusableAnswer, is_quoted, parse
from executors.judge.instructions import addresses_reviewer
from executors.judge.model import Backend, Question
from executors.shared.images import decode
from executors.shared.policy import Policy, Rule
from executors.shared.settings import ImageLimits


@dataclass(frozen=True)
class Review:
    """What the judge says of one ad. `probability` is None when no verdict pass was made."""

    verdict: str
    probability: float | None = None
    finding: Finding | None = None
    error: AdError | None = None
    instruction_found: bool = False


class Reviewer:
    """Asks for every ad's probability first, and for a written answer where it matters.

    Below or at `approve` nothing more is asked: the ad is compliant. Above, the answer has to name
    the claim and the rule; one that does not hold makes the verdict `invalid`.
    """

    def __init__(
        self, backend: Backend, policy: Policy, limits: ImageLimits, approve: float
    ) -> None:
        self._backend = backend
        self._policy = policy
        self._limits = limits
        self._approve = approve

    def review(self, cases: Sequence[Case]) -> list[Review]:
        """Return one review per case, in order. Raises what the backend raises for the batch."""
        reviews: list[Review | None] = [None] * len(cases)
        questions: dict[int, Question] = {}
        for place, case in enumerate(cases):
            asked = self._question(case)
            if isinstance(asked, Question):
                questions[place] = asked
            else:
                reviews[place] = asked
        asked_of = list(questions)
        found = self._backend.probabilities(list(questions.values())) if asked_of else []
        probability = dict(zip(asked_of, found, strict=True))
        suspicious = [place for place in asked_of if probability[place] > self._approve]
        written = self._backend.answers([questions[p] for p in suspicious]) if suspicious else []
        for place, text in zip(suspicious, written, strict=True):
            reviews[place] = self._from_answer(cases[place], probability[place], text)
        for place in set(asked_of) - set(suspicious):
            reviews[place] = Review("compliant", probability[place])
        return [
            _with_instruction(review or Review("invalid"), case)
            for review, case in zip(reviews, cases, strict=True)
        ]

    def _question(self, case: Case) -> Question | Review:
        if len(case.text) > self._backend.max_copy:
            return _invalid(None, "the copy is longer than the judge reads reliably")
        try:
            image = None if case.image is None else decode(case.image, self._limits)
        except AdError as error:
            return Review("unavailable", error=error)
        if image is not None and max(image.size) > min(image.size) * self._backend.max_aspect:
            return _invalid(None, "the picture is longer than the judge reads reliably")
        if image is None and not case.text.strip():
            return _invalid(None, "there is neither picture nor copy")
        return Question(case.market or "any", case.text, image, self._rules(case))

    def _rules(self, case: Case) -> tuple[Rule, ...]:
        return self._policy.applicable(case.market, case.product)

    def _from_answer(self, case: Case, probability: float, text: str) -> Review:
        try:
            answer = parse(text, {rule.code for rule in self._rules(case)})
            if answer.violation and case.image is None and not is_quoted(answer.claim, case.text):
                raise UnusableAnswer("the claim does not stand in the ad")
        except UnusableAnswer as error:
            return _invalid(probability, str(error))
        verdict = "violation" if answer.violation else "compliant"
        finding = Finding(
            rule=answer.rule or "",
            claim=answer.claim,
            rationale=answer.rationale or self._wording(answer, case),
            verdict=verdict,
            probability=probability,
        )
        return Review(verdict, probability, finding)

    def _wording(self, answer: Answer, case: Case) -> str:
        if answer.rule is None:
            return ""
        return self._policy.rules[answer.rule].text_in(case.language)


def _invalid(probability: float | None, reason: str) -> Review:
    finding = Finding(rationale=reason, verdict="invalid", probability=probability or 0.0)
    return Review("invalid", probability, finding)


def _with_instruction(review: Review, case: Case) -> Review:
    said = [case.text]
    if review.finding is not None:
        said.append(review.finding.claim)
    found = any(addresses_reviewer(text) for text in said)
    return Review(review.verdict, review.probability, review.finding, review.error, found)
