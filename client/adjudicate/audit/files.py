"""The trail as a file: a line of JSON for each entry, which anybody can check without the
service."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from adjudicate.audit.chain import Entry
from adjudicate.audit.checking import Broken, Chain
from adjudicate.documents import AuditEntry

_FIELDS = frozenset(field.name for field in fields(Entry))


def line_of(entry: AuditEntry) -> str:
    """The entry as a file has it, without the line's end."""
    said = {name: getattr(entry, name) for name in sorted(_FIELDS)}
    return json.dumps({**said, "facts": json.loads(entry.facts)}, ensure_ascii=False)


def check_file(path: Path, noted: str = "") -> Chain:
    """The chain of a file, which may begin with a later entry than the first.

    `noted` is the hash of an end that must be in it. Raises `Broken` for the first entry that is
    not right, `ValueError` for a file without entries, `OSError`.
    """
    with path.open(encoding="utf-8") as lines:
        entries = _entries(lines)
        first = next(entries, None)
        if first is None:
            raise ValueError(f"{path} holds no entries of an audit trail.")
        chain = Chain.of_part(first, noted) if first.number > 1 else Chain(noted=noted)
        chain.take([first])
        chain.take(entries)
    chain.ends()
    return chain


def _entries(lines: Iterable[str]) -> Iterator[Entry]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _entry(line, number)


def _entry(line: str, number: int) -> Entry:
    try:
        said = json.loads(line, object_pairs_hook=_once)
        if not isinstance(said, dict) or set(said) != _FIELDS:
            raise ValueError
        if not isinstance(said["number"], int) or not isinstance(said["facts"], dict):
            raise ValueError
        return Entry(**said)
    except ValueError:
        raise Broken(number, f"line {number} is no entry of an audit trail") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
