"""The out file with its run: opened, gone on with, begun anew, finished."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adjudicate.bulk import runfile
from adjudicate.bulk.done import Done
from adjudicate.bulk.journal import Journal
from adjudicate.bulk.rows import Row
from adjudicate.bulk.runfile import RunFile
from adjudicate.bulk.summary import Tally
from adjudicate.documents import Decision
from adjudicate.errors import STATUS, Code

SUFFIXES = (".jsonl", ".parquet")
AGAIN = frozenset(
    (
        *(code for code, status in STATUS.items() if status.http >= 500),
        *(Code.RATE_LIMITED, Code.REQUEST_TIMEOUT, Code.REQUEST_TOO_LARGE, Code.URL_UNREACHABLE),
        Code.MALFORMED,
    )
)
"""Errors that another attempt, alone in its request, may not meet."""


def passing(record: Mapping[str, Any]) -> bool:
    """Whether a decision is an error that may not come again."""
    problem = record.get("problem") or {}
    return record["outcome"] == "error" and problem.get("code") in AGAIN


class Output:
    """Decisions as JSON lines, or as Parquet made from JSON lines at the end.

    `done` and `tally` are of every decision in it. `run` is the id of the run.
    """

    def __init__(
        self,
        out: Path,
        identity: dict[str, str | int],
        options: dict[str, str],
        *,
        restart: bool = False,
        retry_errors: bool = False,
    ) -> None:
        """Open, or go on. Raises `ValueError` when the file is not this input's."""
        self.out = out
        self.done = Done()
        self.tally = Tally()
        self._parquet = out.suffix.lower() == ".parquet"
        if out.suffix.lower() not in SUFFIXES:
            raise ValueError(f"--out must end in {' or '.join(SUFFIXES)}, not in {out.name}.")
        if not out.parent.is_dir():
            raise ValueError(f"There is no folder {out.parent} for {out.name}.")
        if self._parquet:
            from adjudicate.bulk.parquet import needs_pyarrow

            needs_pyarrow()
        self._side = out.with_name(f"{out.name}.run.json")
        journal = out.with_name(f"{out.name}.jsonl") if self._parquet else out
        if self._parquet and out.exists() and not journal.exists() and not restart:
            _restore(out, journal)
        self._journal = Journal(journal)
        try:
            self._file = self._begin(RunFile(identity, options), restart)
            if retry_errors:
                self._journal.keep(lambda record: not passing(record))
            self._read()
        except BaseException:
            self._journal.close()
            raise

    @property
    def run(self) -> str:
        """The run's id: the same after a stop, another after --restart."""
        return self._file.run

    def add(self, row: Row, decision: Decision) -> None:
        """Write a decision and count it. Raises `OSError`, as of a full disk."""
        ad_id = row.name or decision.ad_id
        self._journal.add(row.number, ad_id, decision)
        self.done.add(row.number, row.name)
        problem = decision.problem and {"code": decision.problem.code}
        said = {"outcome": decision.outcome, "rule": decision.rule, "problem": problem}
        self.tally.add(said)

    def finish(self) -> None:
        """All rows have their decision."""
        self._journal.sync()
        if self._parquet:
            from adjudicate.bulk.parquet import write

            write(self._journal.records(), self.out)
        self._file.finished = True
        self._file.save(self._side)
        if self._parquet:
            self._journal.path.unlink()

    def close(self) -> None:
        """Give the files free. An out file without any decision does not stay."""
        if not self.done.count:
            self._journal.path.unlink(missing_ok=True)
            self._side.unlink(missing_ok=True)
        self._journal.close()

    def _begin(self, now: RunFile, restart: bool) -> RunFile:
        if restart:
            self._journal.clear()
            if self._parquet:
                self.out.unlink(missing_ok=True)
        empty = self._journal.path.stat().st_size == 0
        held = None if empty else runfile.load(self._side)
        if held is None:
            if not empty:
                raise ValueError(
                    f"{self.out} is there, but not {self._side.name}, which says whose decisions "
                    "it holds. Name another --out, or begin anew with --restart."
                )
            held = now
        held.check(now, self.out)
        held.finished = False
        held.save(self._side)
        return held

    def _read(self) -> None:
        for record in self._journal.records():
            self.done.add(record["row"], record["ad_id"])
            self.tally.add(record)


def _restore(out: Path, journal: Path) -> None:
    """The journal that a Parquet file was made from."""
    from adjudicate.bulk.parquet import as_line, read

    part = journal.with_name(f"{journal.name}.part")
    with part.open("w", encoding="utf-8") as lines:
        lines.writelines(f"{as_line(record)}\n" for record in read(out))
    part.replace(journal)
