"""Exemplars into a library: what it holds already is neither sent nor added again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from adjudicate.client import AsyncClient
from adjudicate.content import content_hash
from adjudicate.documents import Bank, Exemplar
from adjudicate.pipeline import REQUEST_BYTES
from adjudicate.transfer.reading import Row

REQUEST_EXEMPLARS = 32
ASKED_AT_ONCE = 256
"""Hashes in one question for what is held."""

Say = Callable[[str], None]
Labels = tuple[str, str, str]


@dataclass
class Report:
    """What became of the rows; each is added, repeated or refused."""

    added: int = 0
    repeated: int = 0
    """Content that was held already, or came twice."""
    near_duplicates: int = 0
    """Added all the same, but almost a copy of another exemplar."""
    refused: int = 0
    lines: list[str] = field(default_factory=list)
    """A sentence for each row that repeats another exemplar, nearly does, or was refused."""

    def __str__(self) -> str:
        counts = ("added", "repeated", "near_duplicates", "refused")
        return ", ".join(f"{getattr(self, n)} {n.replace('_', '-')}" for n in counts)


async def import_exemplars(
    client: AsyncClient,
    rows: Iterable[Row],
    *,
    dry_run: bool = False,
    on_rows: Callable[[int], None] = lambda count: None,
    say: Say | None = None,
) -> Report:
    """Add the rows' exemplars. A dry run reports the same and changes nothing.

    `on_rows` hears how many more rows are done, `say` each sentence as it comes (else they are
    kept in the report). Raises as `AsyncLibrary.add`; what was added before stays, and the same
    import again goes on from there.
    """
    work = _Import(client, dry_run, say)
    for group in _groups(rows, ASKED_AT_ONCE):
        await work.take(group)
        on_rows(len(group))
    return work.report


async def import_banks(
    client: AsyncClient, banks: Sequence[Bank], *, dry_run: bool = False
) -> list[str]:
    """Switch banks as an export has them; those that the library has switched itself stay as they
    are. A sentence for each that is switched off.

    Call it before `import_exemplars`: what is off must not match for a moment.
    """
    if not banks:
        return []
    switched_here = {bank.name for bank in await client.library.banks() if bank.changed_at}
    said = []
    for bank in banks:
        if bank.name in switched_here:
            continue
        if not dry_run:
            await client.library.switch_bank(
                bank.name, bank.enabled, by=bank.changed_by, note=bank.note
            )
        if not bank.enabled:
            said.append(f"bank {bank.name} is switched off")
    return said


class _Import:
    def __init__(self, client: AsyncClient, dry_run: bool, say: Say | None) -> None:
        self.report = Report()
        self._library = client.library
        self._dry_run = dry_run
        self._say = say or self.report.lines.append
        self._seen: dict[str, tuple[str, Labels]] = {}
        """The import's own content, by its hash: where it stands, and its labels."""
        self._ids: dict[str, str] = {}
        self._refused: set[str] = set()

    async def take(self, group: list[Row]) -> None:
        """Sort out what need not be sent; send the rest."""
        fresh: list[tuple[Row, str]] = []
        again: list[tuple[Row, str]] = []
        for row in group:
            content = _content(row)
            if content in self._seen and row.exemplar.problem is None:
                again.append((row, content))
            elif self._new_here(row, content):
                fresh.append((row, content))
        held = await self._library.held([content for _, content in fresh])
        left = [row for row, content in fresh if not self._is_held(row, held.get(content))]
        for request in _groups(left, REQUEST_EXEMPLARS):
            answers = await self._library.add(
                [row.exemplar for row in request], dry_run=self._dry_run
            )
            for row, answer in zip(request, answers, strict=True):
                self._answered(row, answer)
        for row, content in again:
            self._came_twice(row, content)

    def _came_twice(self, row: Row, content: str) -> None:
        place, labels = self._seen[content]
        if content in self._refused:
            self._refuse(row, f"{place} has the same content and was refused")
        elif labels != _labels(row.exemplar):
            self._refuse(row, f"{place} has the same content under other labels")
        else:
            self.report.repeated += 1
            self._say(f"{row.place}: repeats {place}")

    def _new_here(self, row: Row, content: str) -> bool:
        """Whether the row can be read, and its id is no earlier row's."""
        exemplar = row.exemplar
        if exemplar.problem is not None:
            self._refuse(row, exemplar.problem.detail or exemplar.problem.code)
            return False
        if (exemplar.id or "") in self._ids:
            self._refuse(row, f"the id {exemplar.id} is that of {self._ids[exemplar.id or '']}")
            return False
        self._seen[content] = row.place, _labels(exemplar)
        self._ids[exemplar.id or ""] = row.place
        return True

    def _is_held(self, row: Row, held: Exemplar | None) -> bool:
        if held is None:
            return False
        if _labels(held) != _labels(row.exemplar):
            what = f"{held.polarity} of category {held.category!r}, rule {held.rule!r}"
            self._refuse(row, f"this content is held as {what}, by id {held.id}")
            return True
        self.report.repeated += 1
        if held.id != row.exemplar.id:  # otherwise the same import, once more
            self._say(f"{row.place}: repeats {held.id}")
        return True

    def _answered(self, row: Row, answer: Exemplar) -> None:
        if answer.problem is not None:
            self._refuse(row, answer.problem.detail or answer.problem.code)
        elif answer.repeats and answer.repeats != row.exemplar.id:
            self.report.repeated += 1
            self._say(f"{row.place}: repeats {answer.repeats}")
        else:  # one that repeats itself was added by a request whose answer was lost
            self.report.added += 1
            if answer.near_duplicate:
                self.report.near_duplicates += 1
                self._say(f"{row.place}: nearly repeats {answer.near_duplicate}")

    def _refuse(self, row: Row, reason: str) -> None:
        self.report.refused += 1
        self._refused.add(_content(row))
        self._say(f"{row.place}: refused: {reason}")


def _content(row: Row) -> str:
    return content_hash(row.exemplar.image, row.exemplar.text.strip())


def _labels(exemplar: Exemplar) -> Labels:
    return exemplar.category, exemplar.rule, exemplar.polarity


def _groups(rows: Iterable[Row], most: int) -> Iterator[list[Row]]:
    """Up to `most` rows, fewer where the pictures are heavy."""
    group: list[Row] = []
    weight = 0
    for row in rows:
        group.append(row)
        weight += len(row.exemplar.image or b"")
        if len(group) == most or weight >= REQUEST_BYTES:
            yield group
            group, weight = [], 0
    if group:
        yield group
