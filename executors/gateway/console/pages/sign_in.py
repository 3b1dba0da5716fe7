"""Signing in with a key, and out."""

from __future__ import annotations

import re
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from adjudicate.errors import AdjudicateError, Code, RequestError
from executors.gateway.access.asgi import SESSION
from executors.gateway.access.session_store import Session
from executors.gateway.caller import CALLER
from executors.gateway.console.console import SIGN_IN, START, Console
from executors.gateway.console.people import ENTERS
from executors.gateway.console.view import asked

SIGN_OUT = "/sign-out"
_LOCAL = re.compile(r"/[\w.~%/?&=+:@,;-]*", re.ASCII)


def add_sign_in(console: Console) -> None:
    """`/sign-in` and `/sign-out`."""
    pages = _SignIn(console)
    console.public(SIGN_IN, pages.form)
    console.public(SIGN_IN, pages.sign_in, methods=("POST",))
    console.add(SIGN_OUT, pages.sign_out, methods=("POST",), needs=ENTERS)


class _SignIn:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def form(self, request: Request) -> Response:
        if found := asked(request):
            return self._console.kept(request, found)
        if self._console.me(request) is not None:
            return self._on(request, request.query_params.get("then", ""))
        return self._page(request, request.query_params.get("then", ""))

    async def sign_in(self, request: Request) -> Response:
        form = await self._console.form(request)
        then, key = str(form.get("then") or ""), str(form.get("key") or "").strip()
        if self._console.sessions is None:
            return self._on(request, then)
        if not key:
            return self._page(request, then, 400, "sign_in.empty")
        try:
            session, token = await self._console.sessions.open(key)
        except RequestError as error:
            if error.code is not Code.UNAUTHENTICATED:
                raise
            return self._page(request, then, 401, "sign_in.unknown")
        if not session.caller.may(*ENTERS):
            await self._console.sessions.end(session)
            return self._page(request, then, 403, "sign_in.no_page")
        await self._note(session)
        answer = self._on(request, then)
        self._set(request, answer, token)
        return answer

    async def _note(self, session: Session) -> None:
        who = CALLER.set(session.caller)
        try:
            await self._console.api.audit.note("signed_in", session.caller.id, {})
        finally:
            CALLER.reset(who)

    async def sign_out(self, request: Request) -> Response:
        sessions, session = self._console.sessions, request.scope.get(SESSION)
        if sessions is not None and session is not None:
            await self._let_go(request)
            await sessions.end(session)
        answer = self._console.go(request, SIGN_IN, "sign_in.out")
        if sessions is not None:
            answer.delete_cookie(sessions.cookie, self._console.base(request))
        return answer

    async def _let_go(self, request: Request) -> None:
        """Give back what the caller holds of the queue. A lease that stays runs out by itself."""
        me = self._console.me(request)
        if me is not None and me.may_work:
            with suppress(AdjudicateError):
                await self._console.api.queue.release({})

    def _page(self, request: Request, then: str, status: int = 200, wrong: str = "") -> Response:
        return self._console.render(
            request, "sign_in.html", status, then=local(then), wrong=wrong, here="sign_in"
        )

    def _on(self, request: Request, then: str) -> Response:
        return RedirectResponse(f"{self._console.base(request)}{local(then) or START}", 303)

    def _set(self, request: Request, answer: Response, token: str) -> None:
        sessions = self._console.sessions
        assert sessions is not None
        answer.set_cookie(
            sessions.cookie,
            token,
            path=self._console.base(request),
            secure=sessions.https,
            httponly=True,
            samesite="strict",
        )


def local(then: str) -> str:
    """The path below the console's own that a page asked for; empty for anything else."""
    return then if _LOCAL.fullmatch(then) and not then.startswith("//") else ""
