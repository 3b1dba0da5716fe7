"""One exemplar: its picture, labels and hits, what is like it, who changed it; and new ones."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from adjudicate.errors import STATUS, Code, RequestError
from executors.gateway.console.console import Console
from executors.gateway.console.pages.library import CHANGES, POLARITIES
from executors.gateway.console.pictures import picture_response
from executors.gateway.console.views.library import added, alike, card, exemplar_path
from executors.gateway.console.views.policies import SEVERITIES, categories_of
from executors.gateway.console.views.requests import text, uploads
from executors.gateway.door import READS_LIBRARY

MOST_FILES = 20
"""Of one form: each is encoded while its sender waits."""
_LABELS = ("category", "rule", "severity", "polarity", "bank", "note")


def add_exemplars(console: Console) -> None:
    """Put `/exemplars/…` and `/library/add` on the console."""
    pages = _Exemplars(console)
    most = MOST_FILES * console.settings.images.max_bytes + 100_000
    most = min(most, console.settings.gateway.max_request_bytes)
    console.add("/library/add", pages.form, needs=CHANGES)
    console.add("/library/add", pages.add, methods=("POST",), needs=CHANGES, most=most)
    console.add("/library/like", pages.like, methods=("POST",), needs=CHANGES, most=most)
    console.add("/exemplars/{id:id}", pages.one, needs=READS_LIBRARY)
    console.add("/exemplars/{id:id}", pages.edit, methods=("POST",), needs=CHANGES)
    console.add("/exemplars/{id:id}/remove", pages.remove, methods=("POST",), needs=CHANGES)
    console.add("/exemplars/{id:id}/picture", pages.picture, needs=READS_LIBRARY)


class _Exemplars:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._api = console.api.library

    async def one(self, request: Request, status: int = 200, problem: Any = None) -> Response:
        name = request.path_params["id"]
        exemplar = await self._api.get(name)
        near = await self._api.near_one(name, {"limit": 6})
        banks = (await self._api.banks())["banks"]
        off = [bank["name"] for bank in banks if not bank["enabled"]]
        others = await self._api.some([match["exemplar_id"] for match in near["matches"]])
        held = {one["id"]: card(one, off) for one in others["exemplars"] if not one["problem"]}
        changes = await self._api.changes({"exemplar": name, "limit": 20})
        return self._console.render(
            request,
            "exemplar.html",
            status,
            here="library",
            card=card(exemplar, off),
            pictured=exemplar["image"] is not None,
            exemplar=exemplar,
            near=alike(near, held),
            changes=changes["changes"],
            problem=problem,
            path=exemplar_path,
            **self._choices(banks),
        )

    async def edit(self, request: Request) -> Response:
        form = await self._console.form(request)
        body: dict[str, Any] = {name: text(form, name) for name in _LABELS if name in form}
        if "enabled" in form:
            body["enabled"] = form["enabled"] == "true"
        name = request.path_params["id"]
        try:
            await self._api.set(name, {**body, "by": self._by(request), "why": text(form, "why")})
        except RequestError as error:
            if error.code is not Code.INVALID_FIELD:
                raise
            return await self.one(request, STATUS[error.code].http, error)
        return self._console.go(request, exemplar_path(name), said="library.changed")

    async def remove(self, request: Request) -> Response:
        form = await self._console.form(request)
        said = {"by": self._by(request), "why": text(form, "why")}
        await self._api.remove(request.path_params["id"], said)
        return self._console.go(request, "/library", said="library.removed")

    async def picture(self, request: Request) -> Response:
        exemplar = await self._api.picture(request.path_params["id"])
        return await picture_response(self._console, exemplar, request.query_params.get("w"))

    async def form(self, request: Request) -> Response:
        return await self._adding(request, {})

    async def add(self, request: Request) -> Response:
        form = await self._console.form(request)
        body, names = await self._exemplars(form, self._by(request))
        if not body:
            return await self._adding(request, _said(form), 422, empty=True)
        answer = (await self._api.add({"exemplars": body}))["exemplars"]
        found = added(answer, names)
        if len(found) == 1 and found[0].state == "added" and not found[0].near:
            return self._console.go(request, exemplar_path(found[0].id), said="library.added")
        refused = any(one.state == "refused" for one in found)
        return await self._adding(request, _said(form), 422 if refused else 200, found=found)

    async def like(self, request: Request) -> Response:
        """A part of the form's page: what the library holds already of what is about to be added.
        Nothing is stored."""
        form = await self._console.form(request)
        body, names = await self._exemplars(form, "")
        for one in body:
            if not (one.get("category") and one.get("rule")):
                # Labels are still to come: only a look-alike is compared without.
                one["polarity"] = "lookalike"
        answer: list[Any] = []
        if body:
            asked = {"exemplars": body, "dry_run": True}
            answer = (await self._api.add(asked))["exemplars"]
        found = added(answer, names)
        return self._console.render(request, "like.html", found=found, dry=True, path=exemplar_path)

    async def _adding(
        self, request: Request, said: dict[str, str], status: int = 200, **more: Any
    ) -> Response:
        banks = (await self._api.banks())["banks"]
        data = {"found": [], "empty": False, "dry": False, "path": exemplar_path, **more}
        data |= self._choices(banks)
        said = {**dict.fromkeys((*_LABELS, "text"), ""), **said}
        return self._console.render(
            request, "add_exemplar.html", status, here="library", said=said, most=MOST_FILES, **data
        )

    async def _exemplars(self, form: FormData, by: str) -> tuple[list[Any], list[str]]:
        """A body for each picture, or one for the text alone; and what to call each."""
        labels = {name: value for name in _LABELS if (value := text(form, name))}
        labels |= {"added_by": by} if by else {}
        words = text(form, "text")
        labels |= {"text": words} if words else {}
        pictures = uploads(form, "image")[:MOST_FILES]
        if not pictures:
            return ([labels], [words[:60]]) if words else ([], [])
        bodies = [{**labels, "image": await picture.read()} for picture in pictures]
        return bodies, [picture.filename or words[:60] for picture in pictures]

    def _by(self, request: Request) -> str:
        me = self._console.me(request)
        return me.name[:200] if me else ""

    def _choices(self, banks: list[Any]) -> dict[str, Any]:
        policy = self._console.policy()
        return {
            "categories": categories_of(policy),
            "rules": [*policy.rules.values(), *policy.off.values()],
            "severities": SEVERITIES,
            "polarities": POLARITIES,
            "banks": banks,
        }


def _said(form: FormData) -> dict[str, str]:
    return {name: text(form, name) for name in (*_LABELS, "text")}
