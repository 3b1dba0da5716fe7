"""From an opinion to a verdict: what the probability says, and what of the answer holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adjudicate.documents import Case, Finding, Verdict
from executors.judge.answer import Answer, Claim, UnusableAnswer, is_quoted, parse
from executors.judge.backend import Opinion
from executors.judge.instructions import addresses_reviewer
from executors.judge.prompt import clean
from executors.judge.review import Invalid, Review
from executors.shared.policy import Rule
from executors.shared.settings import Settings

EVEN = 0.5
"""Without an answer, the probability from which the verdict is `violation`."""


def read(
    opinion: Opinion,
    case: Case,
    rules: Sequence[Rule],
    explain_above: float,
    settings: Settings,
) -> Review:
    """Return the verdict on a case, by the opinion on it.

    An answer that was asked for decides; whether it agrees with the probability is for the ledger
    to see, which then escalates. Raises `Invalid` when the probability is none, an answer that was
    asked for is missing or breaks the schema, or quotes what does not stand in the ad.
    """
    p = opinion.violation
    if not 0 <= p <= 1:  # written so that a NaN fails it
        raise Invalid("probability", "the judge's probability is not between 0 and 1")
    # As above: what is not certainly below the limit counts as found.
    instructed = not opinion.instruction <= settings.judge.instruction
    if not p > explain_above:
        violation = p > settings.decision.approve and p >= EVEN
        verdict: Verdict = "violation" if violation else "compliant"
        return Review(verdict, p, instruction_found=instructed, notes=opinion.notes)
    answer = _answer(opinion, case, len(rules))
    instructed = instructed or any(addresses_reviewer(claim.quote) for claim in answer.claims)
    return Review(
        "violation" if answer.violation else "compliant",
        p,
        tuple(_findings(answer, rules, case, p)),
        instruction_found=instructed,
        notes=opinion.notes,
    )


def _answer(opinion: Opinion, case: Case, rules: int) -> Answer:
    if opinion.written is None:
        raise Invalid("answer", "the judge wrote no answer", opinion.violation)
    try:
        answer = parse(opinion.written, rules)
    except UnusableAnswer as error:
        raise Invalid("answer", str(error), opinion.violation) from None
    shown = clean(case.text)
    if not all(_stands_in(claim, case, shown) for claim in answer.claims):
        raise Invalid("quote", "the claim does not stand in the ad", opinion.violation)
    return answer


def _stands_in(claim: Claim, case: Case, shown: str) -> bool:
    """In the copy as it was shown. Of a picture only whether there is one can be checked here."""
    if claim.source == "picture":
        return case.image is not None
    return is_quoted(claim.quote, shown)


def _findings(
    answer: Answer, rules: Sequence[Rule], case: Case, probability: float
) -> Iterator[Finding]:
    for breach in answer.breaches:
        rule = rules[breach.rule]
        yield Finding(
            rule=rule.code,
            claim=breach.claim.quote,
            rationale=breach.rationale or rule.text_in(case.language),
            verdict="violation",
            probability=probability,
        )
    broken = {breach.claim for breach in answer.breaches}
    for claim in dict.fromkeys(answer.claims):
        if claim not in broken:
            yield Finding(claim=claim.quote, verdict="compliant")
