"""Who looks at a page, in the words of its template."""

from __future__ import annotations

from dataclasses import dataclass

from executors.gateway.caller import Caller, Scope
from executors.gateway.door import AUDITS, LEADS, READS, READS_LIBRARY, WORKS

ENTERS = (*READS, Scope.LIBRARY)
"""Whom the console has a page for."""


@dataclass(frozen=True)
class Me:
    """A caller, and what to show it. The gateway's door decides by itself who may what."""

    caller: Caller
    signed_in: bool = True
    """By a session, which can be ended; not where access is open."""

    @property
    def id(self) -> str:
        """As the tables and the audit trail have it."""
        return self.caller.id

    @property
    def name(self) -> str:
        """As people call it."""
        return self.caller.name or self.caller.id

    @property
    def may_read(self) -> bool:
        """The queue and its cases."""
        return self.caller.may(*READS)

    @property
    def may_work(self) -> bool:
        """A reviewer."""
        return self.caller.may(*WORKS)

    @property
    def may_lead(self) -> bool:
        """A lead."""
        return self.caller.may(*LEADS)

    @property
    def may_audit(self) -> bool:
        """An auditor."""
        return self.caller.may(*AUDITS)

    @property
    def may_library(self) -> bool:
        """Who changes the library and its thresholds."""
        return self.caller.may(Scope.LIBRARY)

    @property
    def may_read_library(self) -> bool:
        """Who looks at them."""
        return self.caller.may(*READS_LIBRARY)

    @property
    def may_admin(self) -> bool:
        """Who may everything."""
        return self.caller.may(Scope.ADMIN)

    @property
    def role(self) -> str:
        """The key of the role's name among the texts."""
        named = (("admin", self.may_admin), ("lead", self.may_lead), ("reviewer", self.may_work))
        found = next((name for name, holds in named if holds), "")
        return found or ("auditor" if self.may_audit else "curator")
