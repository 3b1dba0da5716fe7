"""The page of a case, and what is done there: claim, answer, take back, add to the library."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adjudicate.errors import AdjudicateError, Code, RequestError
from executors.gateway.console.console import Console
from executors.gateway.console.pages.queue import PATH as QUEUE
from executors.gateway.console.pages.queue import narrowed, with_filters
from executors.gateway.console.texts import Tell, teller
from executors.gateway.console.view import view_of
from executors.gateway.console.views.case import case_page, wanted_exemplars
from executors.gateway.door import WORKS

Body = dict[str, Any]

ANSWERS = {
    "violation": "violation",
    "compliant": "compliant",
    "add": "violation",
    "lookalike": "compliant",
    "skip": "skip",
}
"""What a button answers."""
TEACHES = ("add", "lookalike")


def add_case(console: Console) -> None:
    """`/cases/{id}` and what its forms and scripts send."""
    pages = _Case(console)
    console.add("/cases/{id:id}", pages.show)
    for name, handler in (
        ("review", pages.review),
        ("claim", pages.claim),
        ("release", pages.release),
        ("near", pages.near),
    ):
        console.add(f"/cases/{{id:id}}/{name}", handler, methods=("POST",), needs=WORKS)


class _Case:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def show(self, request: Request) -> Response:
        me = self._console.me(request)
        assert me is not None  # the console lets nobody else in here
        file = await self._console.api.records.case(request.path_params["id"])
        exemplars = await self._exemplars(file)
        filters = narrowed(request.query_params)
        decision = self._console.settings.decision
        return self._console.render(
            request,
            "case.html",
            here="queue",
            case=case_page(file, exemplars, self._console.policy(), me),
            bounds=[decision.approve, decision.reject],
            filters=filters,
            queue_path=with_filters(QUEUE, filters),
        )

    async def claim(self, request: Request) -> Response:
        """Takes the case, or renews the lease: for scripts."""
        item = await self._console.api.queue.claim({"id": request.path_params["id"]})
        return JSONResponse({"id": item["id"], "lease_until": item["lease_until"]})

    async def release(self, request: Request) -> Response:
        """Gives it back: for scripts, also of a page that is being left."""
        await self._console.api.queue.release({"id": request.path_params["id"]})
        return JSONResponse({"id": request.path_params["id"]})

    async def review(self, request: Request) -> Response:
        """Does what the button says; a script gets what became of it, a form the next page."""
        form = await self._console.form(request)
        decision_id, do = request.path_params["id"], str(form.get("do") or "")
        filters, tell = narrowed(form), teller(view_of(request).lang)
        if do == "undo":
            return await self._undo(request, decision_id, form)
        if do == "next":
            with suppress(RequestError):  # what the caller does not hold needs no giving back
                await self._console.api.queue.release({"id": decision_id})
            return await self._next(request, filters, decision_id, "")
        if do == "teach":
            return await self._add(request, decision_id)
        if do not in ANSWERS:
            raise RequestError(Code.INVALID_FIELD, f"do must be one of {', '.join(ANSWERS)}")
        # An answer takes the case for oneself: of two who have it on the screen one is told.
        await self._console.api.queue.claim({"id": decision_id})
        # Not `rule`: that is one of the queue's filters, which the form carries too.
        answer = {
            "rule": str(form.get("breaks") or ""),
            "note": str(form.get("note") or "").strip(),
        }
        review = await self._console.api.queue.review(
            {"id": decision_id, "answer": ANSWERS[do], **answer}
        )
        said = " ".join([*_recorded(tell, do, review), *await self._taught(tell, do, review)])
        if _is_script(request):
            return JSONResponse({"review": review, "said": said})
        return await self._next(request, filters, decision_id, said)

    async def near(self, request: Request) -> Response:
        """How many near-duplicates a settled case has among those that wait: for scripts."""
        asked = {"decision_id": request.path_params["id"]}
        found = await self._console.api.learning.preview(asked)
        return JSONResponse({"applied": found["applied"], "found": found["found"]})

    async def _taught(self, tell: Tell, do: str, review: Body) -> list[str]:
        """Puts the ad into the library where it is to be. The answer is recorded by then, so what
        goes wrong here is said beside it."""
        if do not in TEACHES:
            return []
        if review["state_after"] != "settled":
            return [tell("said.not_added")]
        try:
            lesson = await self._console.api.learning.teach(review["id"], {})
        except AdjudicateError as error:
            return [tell("said.not_taught", why=error.detail)]
        return [tell(_lesson_text(lesson))]

    async def _add(self, request: Request, decision_id: str) -> Response:
        """Puts an ad that is settled already into the library."""
        lesson = await self._console.api.learning.teach(decision_id, {})
        if _is_script(request):
            tell = teller(view_of(request).lang)
            return JSONResponse({"said": tell(_lesson_text(lesson))})
        return self._console.go(request, f"/cases/{decision_id}", _lesson_text(lesson))

    async def _undo(self, request: Request, decision_id: str, form: Any) -> Response:
        number = str(form.get("number") or "")
        asked: Body = {"id": decision_id}
        if number.isascii() and number.isdigit() and len(number) < 16:
            asked["number"] = int(number)
        review = await self._console.api.queue.undo(asked)
        if _is_script(request):
            return JSONResponse({"review": review})
        return self._console.go(request, f"/cases/{decision_id}", "said.undone")

    async def _next(
        self, request: Request, filters: dict[str, str], decision_id: str, said: str
    ) -> Response:
        """To the next case; where none waits, back to the queue."""
        try:
            item = await self._console.api.queue.claim({**filters, "skip": [decision_id]})
        except RequestError as error:
            if error.code is not Code.QUEUE_EMPTY:
                raise
            return self._console.go_saying(request, with_filters(QUEUE, filters), said)
        return self._console.go_saying(request, with_filters(f"/cases/{item['id']}", filters), said)

    async def _exemplars(self, file: Body) -> dict[str, Body]:
        """Those of the matches that are still held, by their ids."""
        ids = wanted_exemplars(file)
        found = await self._console.api.library.some(ids)
        return {one["id"]: one for one in found["exemplars"] if one["problem"] is None}


def _recorded(tell: Tell, do: str, review: Body) -> list[str]:
    """What became of an answer, in words."""
    then = review["state_after"]
    moved = [tell(f"said.{then}")] if do != "skip" and then in ("second", "lead") else []
    return [tell(f"said.{ANSWERS[do]}"), *moved]


def _lesson_text(lesson: Body) -> str:
    if lesson["repeats"]:
        return "said.held_already"
    return "said.added" if lesson["polarity"] == "violation" else "said.added_lookalike"


def _is_script(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")
