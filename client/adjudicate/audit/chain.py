"""What an entry of the audit trail is, and the hash that ties it to the one before.

The hash is SHA-256 over the entry without it, as canonical JSON (RFC 8785), so that whoever has
the entries can check them with tools of their own. See docs/audit.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import rfc8785

GENESIS = hashlib.sha256(b"adjudicate audit trail 1").hexdigest()
"""What the first entry has as the hash of the one before. It names the form of the entries."""

Fact = str | int | float | bool | None


@dataclass(frozen=True)
class Entry:
    """One deed, as it stands in the trail."""

    number: int
    """From 1 on, without a gap."""
    at: str
    """UTC, ISO 8601; never before the entry before."""
    what: str
    subject: str
    by: str
    facts: Mapping[str, Fact]
    previous: str
    """The hash of the entry before, hex; `GENESIS` of the first."""
    hash: str = ""
    """SHA-256 of all the other fields, hex."""


def canonical(facts: Mapping[str, Fact]) -> str:
    """The facts as canonical JSON. Raises `ValueError` for a number or text that it cannot hold."""
    return rfc8785.dumps(dict(facts)).decode()


def hash_of(entry: Entry) -> str:
    """The hash that the entry must have, hex, 64 characters. Raises `ValueError` as `canonical`."""
    said = {name: value for name, value in vars(entry).items() if name != "hash"}
    return hashlib.sha256(rfc8785.dumps({**said, "facts": dict(entry.facts)})).hexdigest()
