"""The library of the service without models: held by content, as the real one."""

from __future__ import annotations

from typing import Any

from adjudicate.content import content_hash
from adjudicate.documents import Bank, Change, Exemplar, Problem
from adjudicate.errors import Code
from adjudicate.transports.faults import fault


class FakeLibrary:
    """Refuses the rule `NO-SUCH`; takes a text that begins like a held one for nearly its copy."""

    def __init__(self) -> None:
        self.exemplars: dict[str, Exemplar] = {}
        self.switched: dict[str, Bank] = {}
        self.log: list[Change] = []
        self.sent: list[Exemplar] = []
        """Every exemplar that travelled to it."""

    def page(self, parameters: dict[str, Any]) -> list[Exemplar]:
        limit, offset = int(parameters.get("limit", 100)), int(parameters.get("offset", 0))
        wanted = [
            exemplar
            for exemplar in self.exemplars.values()
            if all(
                getattr(exemplar, name) == (parameters.get(name) or getattr(exemplar, name))
                for name in ("category", "polarity", "bank")
            )
        ]
        if parameters.get("sort") == "id":
            wanted.sort(key=lambda exemplar: exemplar.id or "")
            wanted = [e for e in wanted if (e.id or "") > parameters.get("after", "")]
        if parameters.get("sort") == "overturned":
            wanted.sort(key=lambda exemplar: -exemplar.hits.get("overturned", 0))
        return [
            exemplar.model_copy(update={"image": None})
            for exemplar in wanted[offset : offset + limit]
        ]

    def add(self, exemplars: list[Exemplar], dry_run: bool) -> list[Exemplar]:
        self.sent += exemplars
        before = dict(self.exemplars)
        answers = [self._add(exemplar) for exemplar in exemplars]
        if dry_run:
            self.exemplars = before
        return [answer.model_copy(update={"image": None}) for answer in answers]

    def _add(self, exemplar: Exemplar) -> Exemplar:
        exemplar = exemplar.model_copy()
        if exemplar.rule == "NO-SUCH":
            exemplar.problem = Problem(code=Code.INVALID_FIELD, detail="no such rule")
            return exemplar
        exemplar.content_hash = content_hash(exemplar.image, exemplar.text)
        if held := self.held([exemplar.content_hash]):
            return held[0].model_copy(update={"repeats": held[0].id})
        near = next((e.id for e in self.exemplars.values() if _nearly(e, exemplar)), "")
        exemplar.added_at = exemplar.added_at or "2025-01-01T00:00:00Z"
        self.exemplars[exemplar.id or ""] = exemplar
        return exemplar.model_copy(update={"near_duplicate": near})

    def held(self, hashes: list[str]) -> list[Exemplar]:
        return [e for e in self.exemplars.values() if e.content_hash in hashes]

    def get(self, exemplar_id: str) -> Exemplar:
        if exemplar_id not in self.exemplars:
            raise fault(Code.NOT_FOUND)
        return self.exemplars[exemplar_id]

    def set(self, exemplar_id: str, fields: dict[str, Any]) -> Exemplar:
        said = {name: str(fields.pop(name, "")) for name in ("by", "why")}
        exemplar = self.get(exemplar_id).model_copy(update=fields)
        self.exemplars[exemplar_id] = exemplar
        what = ", ".join(f"{name}={value}" for name, value in fields.items())
        self.log.append(Change(exemplar_id=exemplar_id, what=what, by=said["by"], note=said["why"]))
        return exemplar

    def remove(self, exemplar_id: str, said: dict[str, Any]) -> None:
        self.get(exemplar_id)
        del self.exemplars[exemplar_id]
        self.log.append(Change(exemplar_id=exemplar_id, what="removed", by=said.get("by", "")))

    def banks(self) -> list[Bank]:
        names = sorted({"main", *self.switched, *(e.bank for e in self.exemplars.values())})
        return [self._bank(name) for name in names]

    def bank(self, name: str, fields: dict[str, Any]) -> Bank:
        known = self._bank(name)
        changes = {"enabled": fields.get("enabled", known.enabled), "note": fields.get("note", "")}
        by = {"changed_by": fields.get("by", ""), "changed_at": "2025-01-02T00:00:00Z"}
        self.switched[name] = known.model_copy(update={**changes, **by})
        self.log.append(
            Change(bank=name, what=f"switched {changes['enabled']}", by=by["changed_by"])
        )
        return self._bank(name)

    def changes(self, exemplar_id: str) -> list[Change]:
        return [c for c in reversed(self.log) if exemplar_id in ("", c.exemplar_id)]

    def _bank(self, name: str) -> Bank:
        count = sum(exemplar.bank == name for exemplar in self.exemplars.values())
        known = self.switched.get(name) or Bank(name=name)
        return known.model_copy(update={"exemplars": count})


def _nearly(one: Exemplar, other: Exemplar) -> bool:
    return bool(one.text and other.text and one.text[:4] == other.text[:4])
