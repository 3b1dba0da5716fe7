"""The ledger room's endpoints for the audit trail."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import json
import logging
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import AuditAsk, AuditCheck, AuditDeed, AuditEntry, Problem
from adjudicate.errors import AdError, Code
from executors.ledger.audit.reading import page
from executors.ledger.audit.trail import Deed, TrailLost, append
from executors.ledger.audit.verifying import Verifier
from executors.ledger.store import DECISIONS, EVIDENCE, DecisionStore
from executors.shared.database import writing
from executors.shared.room import Room

logger = logging.getLogger(__name__)

MAX_WAITING = 4
"""Verifications at a time. They go one after another: each reads the whole trail."""

_FAILED = Problem(code=Code.INTERNAL, detail="the audit trail cannot be read or written")


class AuditRoom(Room):
    """A room that keeps the audit trail."""

    def open_audit(self, store: DecisionStore) -> None:
        """Call it from `open`."""
        self._trail = store.engine
        self._verifier = Verifier(store.engine, DECISIONS, EVIDENCE)
        self._one_verification = asyncio.Semaphore(1)
        self._verifications = 0

    @requests(on="/audit/list")
    async def audit_list(self, docs: DocList[AuditAsk], **kwargs: Any) -> DocList[AuditEntry]:
        """The entries that each document asks for, or one with its problem in their place."""
        found = [await asyncio.to_thread(self._listed, asked) for asked in docs]
        return DocList[AuditEntry](entry for entries in found for entry in entries)

    @requests(on="/audit/verify")
    async def audit_verify(self, docs: DocList[AuditCheck], **kwargs: Any) -> DocList[AuditCheck]:
        """Whether the trail is whole. It reads all of it, some 25 s for a million entries; of more
        than `MAX_WAITING` at a time the further ones are refused."""
        if self._verifications + len(docs) > MAX_WAITING:
            problem = Problem(code=Code.OVERLOADED, detail="other verifications are under way")
            return DocList[AuditCheck](AuditCheck(id=asked.id, problem=problem) for asked in docs)
        self._verifications += len(docs)
        try:
            async with self._one_verification:
                found = [await asyncio.to_thread(self._verified, asked) for asked in docs]
        finally:
            self._verifications -= len(docs)
        return DocList[AuditCheck](found)

    @requests(on="/audit/add")
    async def audit_add(self, docs: DocList[AuditDeed], **kwargs: Any) -> DocList[AuditDeed]:
        """Deeds of the gateway's, all or none. The gateway lets nobody else ask for it."""
        problem = await asyncio.to_thread(self._added, list(docs))
        for deed in docs:
            deed.problem = problem
        return docs

    def _listed(self, asked: AuditAsk) -> list[AuditEntry]:
        try:
            return page(self._trail, asked)
        except AdError as error:
            return [AuditEntry(problem=Problem(code=error.code, detail=error.detail))]
        except SQLAlchemyError:
            logger.exception("the audit trail cannot be read")
            return [AuditEntry(problem=_FAILED)]

    def _verified(self, asked: AuditCheck) -> AuditCheck:
        try:
            return self._verifier.verify(asked)
        except SQLAlchemyError:
            logger.exception("the audit trail cannot be read")
            return AuditCheck(id=asked.id, problem=_FAILED)

    def _added(self, deeds: list[AuditDeed]) -> Problem | None:
        try:
            done = [Deed(d.what, d.subject, d.by, json.loads(d.facts)) for d in deeds]
            with writing(self._trail) as connection:
                append(connection, done)
        except (SQLAlchemyError, TrailLost):
            logger.exception("the audit trail cannot be written")
            return _FAILED
        except ValueError as error:
            return Problem(code=Code.INVALID_FIELD, detail=f"facts cannot be kept: {error}")
        return None
