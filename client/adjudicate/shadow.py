"""What the shadow thresholds would have done, by the decisions on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field

from adjudicate.client import AsyncClient
from adjudicate.documents import Decision

PAGE = 500
VERSION = "shadow_thresholds"
"""Where a decision's versions name the shadow."""


@dataclass
class Comparison:
    """Recorded decisions by who flagged the ad: the active thresholds, the shadow's, both, none."""

    both: int = 0
    neither: int = 0
    active_only: Counter[str] = field(default_factory=Counter)
    """By outcome: what the shadow would not have sent to the judge."""
    shadow_only: Counter[str] = field(default_factory=Counter)
    """By outcome: what the judge would have had to read as well."""
    missed: list[str] = field(default_factory=list)
    """Ids of decisions that rejected what the shadow would have let pass."""
    added: list[str] = field(default_factory=list)
    """Ids of decisions that only the shadow would have flagged."""
    audited: int = 0
    """Ads that only the shadow flags, and that the judge read as part of the audit sample."""
    audited_violations: int = 0
    """Of those, what it found to be violations."""

    def add(self, decision: Decision) -> None:
        """Count one decision. Errors were not screened, and have no part in it."""
        if decision.outcome == "error" or decision.shadow_flagged is None:
            return
        if decision.flagged and decision.shadow_flagged:
            self.both += 1
        elif decision.flagged:
            self.active_only[decision.outcome] += 1
            if decision.outcome == "reject":
                self.missed.append(decision.id or "")
        elif decision.shadow_flagged:
            self.shadow_only[decision.outcome] += 1
            self.added.append(decision.id or "")
            if decision.audit and decision.judged:
                self.audited += 1
                self.audited_violations += decision.outcome == "reject"
        else:
            self.neither += 1

    @property
    def ads(self) -> int:
        """How many were counted."""
        return self.both + self.neither + self.active_only.total() + self.shadow_only.total()

    @property
    def judged_now(self) -> int:
        """Ads that the active thresholds sent to the judge."""
        return self.both + self.active_only.total()

    @property
    def judged_then(self) -> int:
        """Ads that the shadow's would have sent there."""
        return self.both + self.shadow_only.total()


async def compare(client: AsyncClient, versions: Collection[str], last: int) -> Comparison:
    """The newest decisions, `last` at most, that were made beside one of these shadow versions.

    Raises as `AsyncClient.decisions`.
    """
    found = Comparison()
    async for decision in _newest(client, last):
        if decision.versions.get(VERSION) in versions:
            found.add(decision)
    return found


async def _newest(client: AsyncClient, last: int) -> AsyncIterator[Decision]:
    seen: set[str | None] = set()
    for offset in range(0, last, PAGE):
        page = await client.decisions(min(PAGE, last - offset), offset)
        for decision in page:
            # What was decided meanwhile moves the pages: some are read twice.
            if decision.id not in seen:
                seen.add(decision.id)
                yield decision
        if len(page) < PAGE:
            return
