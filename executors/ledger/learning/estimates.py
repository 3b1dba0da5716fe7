"""What people's answers say of all decisions, as far as they can: shares with their intervals.

People see a few of all ads, and not at random. So each figure weighs what they saw by what it
stands for, and says nothing where nobody looked.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping

from docarray import DocList

from adjudicate.documents import Agreement, Learning, Note, Proportion
from executors.ledger.learning.answers import Answer, Answers
from executors.shared.quality.intervals import Interval, Stratum, clopper_pearson, stratified
from executors.shared.quality.notes import note

_SMALL = 100
"""Answers below which a figure says how little that is."""
_JUDGED = ("violation", "compliant")


def fill(learning: Learning, answers: Answers, confidence: float) -> None:
    """Write the estimates on the document."""
    settled = answers.settled
    learning.confidence = confidence
    learning.answered = sum(settled.values())
    learning.rejects = sum(answers.rejected.values())
    learning.reject_precision = DocList[Proportion](reject_precision(answers, confidence))
    decided = answers.appeals.get("upheld", 0) + answers.appeals.get("overturned", 0)
    learning.appeals = _plain("", answers.appeals.get("overturned", 0), decided, confidence)
    learning.screen_miss = screen_miss(answers, confidence)
    learning.passed = sum(answers.passed.values())
    learning.audited = sum(answers.audited.values())
    learning.agreement = DocList[Agreement](agreements(settled, confidence))
    escalated = _chosen(settled, lambda answer: answer.outcome == "escalate")
    learning.escalations = _of(escalated, "reject", confidence)
    same, two = answers.second.get(True, 0), sum(answers.second.values())
    learning.reviewers = _plain("", same, two, confidence)
    learning.taught, learning.propagated = dict(answers.taught), answers.propagated
    learning.notes.extend(_notes(learning, answers))


def reject_precision(answers: Answers, confidence: float) -> list[Proportion]:
    """Of the rejections, those that people find right: all (the empty name), then of each rule, the
    most frequent first.

    Three strata: those that somebody appealed, those of the screen's audit sample, and the others,
    of which a seeded share is looked at. Where nobody looked at any of the others, there is no
    estimate: who appeals does so for a reason.
    """
    rejects = _chosen(answers.settled, lambda answer: answer.outcome == "reject")
    if not rejects and not answers.rejected:
        return []
    rules = sorted(answers.rejected, key=lambda rule: (-answers.rejected[rule], rule))
    of_rule = [_precision(rule, answers, rejects, confidence) for rule in rules if rule]
    return [_precision("", answers, rejects, confidence), *of_rule]


def screen_miss(answers: Answers, confidence: float) -> Proportion:
    """Of the ads that passed the screen, those that break a rule, as far as people answered the
    audit sample.

    What was sampled is answered by outcome: a share of the approvals, say, and all escalations. So
    each outcome is a stratum, within each share that was audited.
    """
    shares = _shares(answers.passed)
    usual = max(answers.passed, key=lambda key: answers.passed[key], default=("", ""))[1]
    sampled: defaultdict[tuple[str, str], int] = defaultdict(int)
    for part, count in answers.audited.items():
        sampled[shares.get(part.hour, usual), part.outcome] += count
    answered: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for answer, count in answers.settled.items():
        if answer.audit:
            share = shares.get(answer.hour, usual)
            answered[share, answer.outcome][answer.ruling] += count
    passed: defaultdict[str, int] = defaultdict(int)
    audited: defaultdict[str, int] = defaultdict(int)
    for (_, share), count in answers.passed.items():
        passed[share] += count
    for (share, _), count in sampled.items():
        audited[share] += count
    strata = [
        Stratum(
            # At least what was sampled: counts of the last minute may be lost with their process.
            round(max(passed[share], audited[share]) * count / audited[share]),
            sum(answered[share, outcome].values()),
            answered[share, outcome]["reject"],
        )
        for (share, outcome), count in sampled.items()
    ]
    found = sum(one.found for one in strata)
    total = sum(one.sampled for one in strata)
    if any(one.ads and not one.sampled for one in strata):
        return _nothing("", found, total)
    return _made("", found, total, stratified(strata, confidence))


def agreements(settled: Mapping[Answer, int], confidence: float) -> list[Agreement]:
    """Judge and people on the ads that both answered: all (the empty name), then by rule, the most
    frequent first."""
    judged = _chosen(settled, lambda answer: answer.verdict in _JUDGED)
    if not judged:
        return []
    by_rule: defaultdict[str, Counter[Answer]] = defaultdict(Counter)
    for answer, count in judged.items():
        by_rule[answer.rule][answer] += count
    named = sorted(filter(None, by_rule), key=lambda rule: (-by_rule[rule].total(), rule))
    return [
        _agreement("", judged, confidence),
        *(_agreement(rule, by_rule[rule], confidence) for rule in named),
    ]


def _precision(
    rule: str, answers: Answers, rejects: Mapping[Answer, int], confidence: float
) -> Proportion:
    def of_rule(counts: Mapping[str, int]) -> int:
        return counts.get(rule, 0) if rule else sum(counts.values())

    mine = _chosen(rejects, lambda one: not rule or one.decided_rule == rule)
    appealed = _chosen(mine, lambda one: one.appealed)
    audited = _chosen(mine, lambda one: one.audit and not one.appealed)
    others = _chosen(mine, lambda one: not one.audit and not one.appealed)
    parts = (of_rule(answers.appealed), of_rule(answers.audit_rejected))
    rest = max(of_rule(answers.rejected) - sum(parts), sum(others.values()))
    strata = [
        Stratum(ads, sum(looked_at.values()), _count(looked_at, "reject"))
        for ads, looked_at in zip((*parts, rest), (appealed, audited, others), strict=True)
    ]
    found, total = _count(mine, "reject"), sum(mine.values())
    if rest and not others:
        return _nothing(rule, found, total)
    return _made(rule, found, total, stratified(strata, confidence))


def _agreement(name: str, judged: Mapping[Answer, int], confidence: float) -> Agreement:
    cells: Counter[tuple[bool, bool]] = Counter()
    for answer, count in judged.items():
        cells[answer.verdict == "violation", answer.ruling == "reject"] += count
    both, neither = cells[True, True], cells[False, False]
    judge_only, person_only = cells[True, False], cells[False, True]
    total = sum(cells.values())
    found = clopper_pearson(both + neither, total, confidence)
    by_chance = (
        (both + judge_only) * (both + person_only)
        + (neither + person_only) * (neither + judge_only)
    ) / total**2
    return Agreement(
        name=name,
        both=both,
        judge_only=judge_only,
        person_only=person_only,
        neither=neither,
        share=found.value,
        low=found.low,
        high=found.high,
        kappa=None if by_chance >= 1 else (found.value - by_chance) / (1 - by_chance),
    )


def _shares(passed: Mapping[tuple[str, str], int]) -> dict[str, str]:
    """The share that was audited in each hour; of two, the one of more ads."""
    found: dict[str, str] = {}
    for (hour, share), count in passed.items():
        if count >= passed.get((hour, found.get(hour, "")), 0):
            found[hour] = share
    return found


def _chosen(settled: Mapping[Answer, int], which: Callable[[Answer], bool]) -> dict[Answer, int]:
    return {answer: count for answer, count in settled.items() if which(answer)}


def _count(settled: Mapping[Answer, int], ruling: str) -> int:
    return sum(count for answer, count in settled.items() if answer.ruling == ruling)


def _of(settled: Mapping[Answer, int], ruling: str, confidence: float) -> Proportion:
    return _plain("", _count(settled, ruling), sum(settled.values()), confidence)


def _plain(name: str, count: int, total: int, confidence: float) -> Proportion:
    return _made(name, count, total, clopper_pearson(count, total, confidence))


def _made(name: str, count: int, total: int, found: Interval) -> Proportion:
    share = None if math.isnan(found.value) else found.value
    return Proportion(
        name=name, count=count, total=total, share=share, low=found.low, high=found.high
    )


def _nothing(name: str, count: int, total: int) -> Proportion:
    return Proportion(name=name, count=count, total=total)


def _notes(learning: Learning, answers: Answers) -> Iterator[Note]:
    if not learning.answered:
        yield note("none_settled")
        return
    precision = next(iter(learning.reject_precision), None)
    if precision is not None and precision.share is None:
        yield note("rejections_unanswered")
    miss = learning.screen_miss
    if learning.passed and miss is not None and miss.share is None:
        yield note("audit_unanswered")
    elif miss is not None and miss.share is not None and miss.total < _SMALL:
        yield note("few_audited", count=miss.total)
    if learning.agreement:
        yield note("only_what_was_seen")
