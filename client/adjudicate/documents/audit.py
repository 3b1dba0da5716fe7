"""The audit trail: who did what, and whether it is whole."""

from pydantic import Field

from adjudicate.documents.problem import Problem
from adjudicate.wire import Document


class AuditAsk(Document):
    """Asks for a page of the trail, the newest first; an empty filter means all."""

    what: str = ""
    """As `reviewed`."""
    subject: str = ""
    """The id of what it was done to."""
    actor: str = ""
    """Who did it, as an entry's `by`; one that ends in `*` means all that begin so: `key:*`."""
    since: str = ""
    """UTC, ISO 8601."""
    until: str = ""
    before: int = 0
    """Only entries with a lower number: that of the last entry of the page before; 0: from the
    end."""
    oldest: bool = False
    """The oldest first; then `before` is what the numbers must be above."""
    limit: int = 100


class AuditEntry(Document):
    """One entry of the trail; its id is its number."""

    number: int = 0
    at: str = ""
    """UTC, ISO 8601."""
    what: str = ""
    subject: str = ""
    by: str = ""
    facts: str = "{}"
    """Canonical JSON (RFC 8785) of an object."""
    previous: str = ""
    """The hash of the entry before."""
    hash: str = ""
    problem: Problem | None = None


class AuditCheck(Document):
    """Asks whether the trail is whole, and says it."""

    head: str = ""
    """Asked: an end that was noted earlier, as a hash; empty: none. Answered: the end now."""
    whole: bool = False
    """Every entry is as it was written and in its place, and no decision on record was changed."""
    entries: int = 0
    """That were checked: up to the first broken one."""
    last_at: str = ""
    """When the last of them was written."""
    broken: int = 0
    """The number of the first broken entry; 0: the chain is whole."""
    why: str = ""
    """What is wrong, a sentence."""
    decisions: int = 0
    """Decisions whose ad and record are as they were when they were decided."""
    changed: list[str] = Field(default_factory=list)
    """Ids of decisions on record that were changed since, a hundred at most."""
    unproven: int = 0
    """Decisions that cannot be compared any more: erased, expired, or recorded without evidence."""
    problem: Problem | None = None


class AuditDeed(Document):
    """A deed of the gateway's, for the trail. Not for clients."""

    what: str = ""
    subject: str = ""
    by: str = ""
    facts: str = "{}"
    """JSON of an object: text, numbers, booleans."""
    problem: Problem | None = None
