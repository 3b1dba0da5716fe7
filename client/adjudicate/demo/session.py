"""The sample ads over each protocol, and whether all that must hold did hold."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from adjudicate.client import AsyncClient
from adjudicate.demo.samples import Sample, read_samples
from adjudicate.documents import Decision, Exemplar, Match, RoomStatus
from adjudicate.errors import AdjudicateError
from adjudicate.transfer.importing import import_exemplars
from adjudicate.transfer.reading import rows_at

CONCURRENCY = 16
TOLERANCE = 1e-3
"""By how much a probability may differ between protocols."""


@dataclass(frozen=True)
class Run:
    """All samples over one protocol. `ms` is the client's own wait for each ad."""

    protocol: str
    seconds: float
    decisions: Mapping[str, Decision]
    ms: Mapping[str, float]
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why an ad has no decision."""


@dataclass
class Session:
    """What the demo saw. `broken` are sentences on what should not have been; empty is success."""

    samples: Sequence[Sample]
    runs: Sequence[Run]
    rooms: Sequence[RoomStatus]
    library_size: int
    nearest: Mapping[str, Match] = field(default_factory=dict)
    """The best match of each ad that was screened, by ad id: a term, or else an exemplar, above its
    threshold or not."""
    exemplars: Mapping[str, Exemplar] = field(default_factory=dict)
    """Those exemplars by their id, with their pictures."""
    broken: list[str] = field(default_factory=list)

    @property
    def decisions(self) -> Mapping[str, Decision]:
        """Of the first protocol, whose ads nothing had seen before."""
        return self.runs[0].decisions


async def review_samples(urls: Mapping[str, str], folder: Path, console: Console) -> Session:
    """Fill the library and review every sample over each URL, by protocol."""
    samples = list(read_samples(folder / "manifest.csv"))
    first = next(iter(urls.values()))
    async with AsyncClient(first, timeout=300) as client:
        with console.status("loading the library"):
            report = await import_exemplars(client, rows_at(folder / "exemplars", {}))
        held = report.added + report.repeated
        console.print(f"{held} exemplars in the library")
        rooms = await client.status()
    runs = []
    for protocol, url in urls.items():
        with console.status(f"reviewing {len(samples)} ads over {protocol}"):
            runs.append(await review_over(protocol, url, samples))
        console.print(f"{len(samples)} ads over {protocol} in {runs[-1].seconds:.1f} s")
    session = Session(samples, runs, rooms, held)
    async with AsyncClient(first) as client:
        session.nearest = await nearest_matches(client, session)
        ids = {match.exemplar_id for match in session.nearest.values() if match.exemplar_id}
        session.exemplars = {name: await client.library.get(name) for name in sorted(ids)}
    session.broken = [f"exemplar {line}" for line in report.lines if ": refused: " in line]
    session.broken += expectations(samples, runs)
    return session


async def review_over(protocol: str, url: str, samples: Sequence[Sample]) -> Run:
    """Each ad in a request of its own, `CONCURRENCY` at a time, so that its wait can be measured.

    An ad that the service did not decide is absent from the decisions.
    """
    decisions: dict[str, Decision] = {}
    ms: dict[str, float] = {}
    faults: dict[str, str] = {}
    free = asyncio.Semaphore(CONCURRENCY)

    async def one(client: AsyncClient, sample: Sample) -> None:
        async with free:
            began = time.perf_counter()
            try:
                (decision,) = await client.review_all(sample.ad)
            except AdjudicateError as error:
                faults[sample.ad_id] = error.detail
                return
            ms[sample.ad_id] = (time.perf_counter() - began) * 1000
            decisions[sample.ad_id] = decision

    began = time.perf_counter()
    async with AsyncClient(url, request_size=1, timeout=300) as client:
        await asyncio.gather(*(one(client, sample) for sample in samples))
    return Run(protocol, time.perf_counter() - began, decisions, ms, faults)


async def nearest_matches(client: AsyncClient, session: Session) -> dict[str, Match]:
    """The best match of each decision; for one without any, what a search finds."""
    nearest = {name: d.matches[0] for name, d in session.decisions.items() if d.matches}
    ads = [sample.ad for sample in session.samples if sample.ad_id not in nearest]
    for found in await client.search(ads, limit=1):
        if found.matches:
            nearest[found.ad_id] = found.matches[0]
    return nearest


def expectations(samples: Sequence[Sample], runs: Sequence[Run]) -> list[str]:
    """What did not hold, a sentence each: no ad is lost, an ad errs if and only if it is broken,
    and all protocols decide the same.
    """
    broken: list[str] = []
    for sample in samples:
        told: dict[str, Decision] = {}
        for run in runs:
            decision = run.decisions.get(sample.ad_id)
            if decision is None:
                why = run.faults.get(sample.ad_id, "no reason given")
                broken.append(f"{sample.ad_id} is lost over {run.protocol}: {why}")
            else:
                told[run.protocol] = decision
        for protocol, decision in told.items():
            if (decision.outcome == "error") != (sample.label == "error"):
                why = decision.problem.code if decision.problem else decision.outcome
                broken.append(f"{sample.ad_id} ({sample.label}) is {why} over {protocol}")
        first = next(iter(told), "")
        for other in list(told)[1:]:
            broken += [
                f"{sample.ad_id}: {first} and {other} differ in {what}"
                for what in differences(told[first], told[other])
            ]
    return broken


def differences(one: Decision, other: Decision) -> list[str]:
    """In what two decisions on one ad differ that must not."""
    exact = {
        "outcome": (one.outcome, other.outcome),
        "rule": (one.rule, other.rule),
        "problem": (
            one.problem.code if one.problem else "",
            other.problem.code if other.problem else "",
        ),
    }
    found = [name for name, (left, right) in exact.items() if left != right]
    near = {
        "confidence": ([one.confidence], [other.confidence]),
        "probability": (
            [finding.probability for finding in one.findings],
            [finding.probability for finding in other.findings],
        ),
    }
    found += [
        name
        for name, (left, right) in near.items()
        if len(left) != len(right)
        or any(abs(a - b) > TOLERANCE for a, b in zip(left, right, strict=True))
    ]
    return found
