"""Counts of decisions by the hour: what the figures on quality are made of."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, func, select

from adjudicate.documents import Case, Decision
from executors.shared.database import upsert, writing

COUNTED = ("passed", "audited", "missed", "unjudged", "judged", "positive")
"""passed: below every threshold. Of these audited: judged all the same, with a usable verdict;
missed: with a violation; unjudged: without a usable verdict. judged: flagged, with a usable
verdict; positive: with a violation."""

_USABLE = ("violation", "compliant")
_HOUR = len("2026-01-31T23")
_MOST_CHARACTERS = 200


def counts_table(metadata: MetaData) -> Table:
    """The table, as part of the ledger's own tables."""
    return Table(
        "quality_counts",
        metadata,
        # UTC, `2026-01-31T23`.
        Column("hour", String(20), primary_key=True),
        Column("counted", String(20), primary_key=True),
        # Of passed ads and the audit sample the share that is audited; of positive ones the rule,
        # and empty for any.
        Column("of", String(_MOST_CHARACTERS), primary_key=True),
        Column("ads", Integer, nullable=False),
    )


Kinds = Callable[[Case, Decision], Iterable[tuple[str, str]]]
"""What is counted of a decision, and of what."""


class Key(NamedTuple):
    """What is counted, as the table has it."""

    hour: str
    counted: str
    of: str


class Tally:
    """Counts in memory until they are written: a decision costs no statement of its own. A process
    that is killed loses the counts of its last minute, and no decision. Safe between threads."""

    def __init__(self, audit_share: float, more: Kinds = lambda case, decision: ()) -> None:
        """`audit_share`: that of the settings, by which the sample's ads are weighed; `more`: what
        else is counted of each decision, errors as well."""
        self._share = f"{audit_share:g}"
        self._more = more
        self._counts: Counter[Key] = Counter()
        self._lock = threading.Lock()

    def count(self, case: Case, decision: Decision) -> None:
        """A decision that was just recorded, and the case that it is on."""
        hour = decision.decided_at[:_HOUR]
        kinds = [*self._more(case, decision)]
        if decision.problem is None:
            kinds += self._kinds(case, decision)
        with self._lock:
            for counted, of in kinds:
                self._counts[Key(hour, counted, of)] += 1

    def take(self) -> Mapping[Key, int]:
        """What was counted since the last time."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
            return taken

    def put_back(self, counts: Mapping[Key, int]) -> None:
        """What could not be written, for the next time."""
        with self._lock:
            self._counts.update(counts)

    def _kinds(self, case: Case, decision: Decision) -> Iterator[tuple[str, str]]:
        usable = case.verdict in _USABLE
        if case.near_duplicate == "hash":
            return  # neither passed nor judged
        if case.audit or not (case.flagged or case.near_duplicate):
            yield "passed", self._share
            if case.audit:
                yield "audited" if usable else "unjudged", self._share
                if case.verdict == "violation":
                    yield "missed", self._share
        elif usable:
            yield "judged", ""
            if case.verdict == "violation":
                yield "positive", ""
                for rule in _rules(decision):
                    yield "positive", rule


@dataclass(frozen=True)
class Counts:
    """The counts in SQL."""

    engine: Engine
    table: Table

    def add(self, counts: Mapping[Key, int]) -> None:
        """Add to what was counted, in one transaction.

        The rows are locked in one order, so that ledgers side by side cannot each wait for the
        other.
        """
        if not counts:
            return
        rows = [{**key._asdict(), "ads": counts[key]} for key in sorted(counts)]
        with writing(self.engine) as connection:
            statement = upsert(connection, self.table)
            change = {"ads": self.table.c.ads + statement.excluded.ads}
            key = [self.table.c[name] for name in Key._fields]
            statement = statement.on_conflict_do_update(index_elements=key, set_=change)
            connection.execute(statement, rows)

    def since(self, at: str) -> dict[tuple[str, str], int]:
        """The counts from the hour of `at` (UTC, ISO 8601) on, by what was counted and of what."""
        table = self.table.c
        query = select(table.counted, table.of, func.sum(table.ads).label("total"))
        query = query.where(table.hour >= at[:_HOUR]).group_by(table.counted, table.of)
        with self.engine.connect() as connection:
            return {(row.counted, row.of): int(row.total) for row in connection.execute(query)}


def _rules(decision: Decision) -> list[str]:
    """The rules that the judge found broken, each once."""
    named = [f.rule for f in decision.findings if f.rule and f.verdict in ("", "violation")]
    rules = named or [decision.rule or "unknown"]
    return list(dict.fromkeys(rule.replace("\0", "")[:_MOST_CHARACTERS] for rule in rules))
