"""The console as an application: pages are added to it, and it is mounted on the HTTP server."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from adjudicate.errors import STATUS, AdjudicateError, Code, RequestError
from executors.gateway.access.asgi import CONSOLE, SESSION
from executors.gateway.access.sessions import Sessions
from executors.gateway.caller import CALLER, Scope
from executors.gateway.console import rendering
from executors.gateway.console.files import Files
from executors.gateway.console.forms import FORM_BYTES, read_form
from executors.gateway.console.people import ENTERS, Me
from executors.gateway.console.routes import NamedRoute
from executors.gateway.console.security import Shielded, check_csrf, refuse_other_sites
from executors.gateway.console.texts import LANGUAGES, known, teller, texts_of
from executors.gateway.console.view import asked, keep, view_of
from executors.gateway.door import READS
from executors.gateway.operations.api import Api
from executors.gateway.protocols.problems import problem
from executors.gateway.telemetry.asked import ASKED
from executors.shared.policy import Policy
from executors.shared.settings import Settings
from executors.shared.telemetry.tracing import current_trace_id

Handler = Callable[[Request], Awaitable[Response]]
SIGN_IN = "/sign-in"
START = "/start"
SAID = "adjudicate-said"
"""The cookie of a text that the next page shows, once."""


DECODERS = 2
"""Pictures that are decoded at a time: the largest takes some hundred megabytes."""


@dataclass(frozen=True)
class Entry:
    """One of the navigation."""

    key: str
    path: str
    needs: Sequence[Scope]
    order: int


class Console:
    """What the pages have in common: who asks, how a page is made, and what a form must carry."""

    def __init__(
        self,
        api: Api,
        settings: Settings,
        policy: Callable[[], Policy],
        sessions: Sessions | None = None,
    ) -> None:
        """`sessions`: None where access is open, so that nobody signs in."""
        self.api = api
        self.settings = settings
        self.policy = policy
        self.sessions = sessions
        self.decoding = asyncio.Semaphore(DECODERS)
        self._files = Files()
        self._environment = rendering.environment()
        self._open_csrf = secrets.token_urlsafe()
        self._routes: list[Route] = []
        self._entries: list[Entry] = []
        self.public("/static/{version}/{name}", self._files.serve)
        self.public(START, self._start)

    def add(
        self,
        path: str,
        handler: Handler,
        methods: Sequence[str] = ("GET",),
        needs: Sequence[Scope] = READS,
        most: int = FORM_BYTES,
    ) -> None:
        """A page for whoever has one of the scopes; its path is below the console's own.

        A POST comes to the handler when it is of this site and this session, with a body of at
        most so many bytes.
        """

        async def page(request: Request) -> Response:
            try:
                return await self._page(request, handler, needs, most)
            except AdjudicateError as error:
                return self.refusal(request, error)

        self._routes.append(NamedRoute(path, page, methods=list(methods), name=path))

    def public(self, path: str, handler: Handler, methods: Sequence[str] = ("GET",)) -> None:
        """A page for everybody, who has signed in or not."""

        async def page(request: Request) -> Response:
            try:
                if request.method == "POST":
                    refuse_other_sites(request)
                    request.state.form = await read_form(request, FORM_BYTES)
                return await handler(request)
            except AdjudicateError as error:
                return self.refusal(request, error)

        self._routes.append(NamedRoute(path, page, methods=list(methods), name=path))

    def menu(self, key: str, path: str, needs: Sequence[Scope] = READS, order: int = 50) -> None:
        """An entry of the navigation, with the texts `nav.<key>` and `nav_keys.<key>`."""
        self._entries.append(Entry(key, path, tuple(needs), order))
        self._entries.sort(key=lambda entry: entry.order)

    def me(self, request: Request) -> Me | None:
        """Who asks; None before sign-in."""
        caller = CALLER.get()
        return None if caller is None else Me(caller, request.scope.get(SESSION) is not None)

    async def form(self, request: Request) -> FormData:
        """The form of a POST, which is checked already; its files are `UploadFile`s."""
        form: FormData = request.state.form
        return form

    def base(self, request: Request) -> str:
        """Before every path of the console: its own, behind that of a proxy."""
        root: str = request.scope.get("root_path", "")
        return root

    def go(self, request: Request, path: str, said: str = "", **values: Any) -> Response:
        """To another page after a POST, which shows the text `said` there, once."""
        words = teller(view_of(request).lang)(said, **values) if said else ""
        return self.go_saying(request, path, words)

    def go_saying(self, request: Request, path: str, words: str) -> Response:
        """As `go`, with the words themselves."""
        answer = RedirectResponse(f"{self.base(request)}{path}", 303)
        if words:
            base, said = self.base(request), urlencode({"said": words})
            answer.set_cookie(SAID, said, 30, path=base, secure=self.secure, samesite="strict")
        return answer

    @property
    def secure(self) -> bool:
        """Whether cookies go over TLS alone."""
        return self.sessions is not None and self.sessions.https

    def render(
        self, request: Request, template: str, status: int = 200, **data: Any
    ) -> HTMLResponse:
        """The page of a template with its data, in the reader's language."""
        view, me, base = view_of(request), self.me(request), self.base(request)
        texts = texts_of(view.lang)
        shared = {
            "t": teller(view.lang),
            "label": lambda section, code: rendering.labelled(texts, section, code),
            "ago": lambda at: rendering.ago(at, teller(view.lang)),
            "known": lambda key: known(view.lang, key),
            "lang": view.lang,
            "languages": LANGUAGES,
            "view": view,
            "me": me,
            "csrf": self.csrf(request),
            "url": lambda path="/": f"{base}{path}",
            "static": lambda name: self._files.url(base, name),
            "entries": [entry for entry in self._entries if me and me.caller.may(*entry.needs)],
            "here": "",
            "with_query": lambda **values: _with(request, values),
        }
        page = self._environment.get_template(template).render({**shared, **data})
        return HTMLResponse(page, status)

    def csrf(self, request: Request) -> str:
        """What this session's forms carry; empty before sign-in."""
        session = request.scope.get(SESSION)
        if session is not None:
            return str(session.csrf)
        return self._open_csrf if self.sessions is None else ""

    def refusal(self, request: Request, error: AdjudicateError) -> Response:
        """The page of an error; the problem itself for a script that asked."""
        if _wants_json(request):
            return problem(error)
        if error.code is Code.UNAUTHENTICATED and self.sessions and request.method == "GET":
            return self._to_sign_in(request)
        if (asked_for := ASKED.get()) is not None:
            asked_for.refused(error)
        status = STATUS[error.code].http
        trace_id = current_trace_id()
        return self.render(request, "error.html", status, error=error, trace_id=trace_id)

    def application(self) -> Shielded:
        """To be mounted at `/console`."""
        missing = {HTTPException: self._framework, Exception: self._unexpected}
        app = Starlette(routes=self._routes, exception_handlers=missing)
        app.router.redirect_slashes = False
        return Shielded(app)

    def close(self) -> None:
        """End what it holds open."""
        if self.sessions is not None:
            self.sessions.close()

    async def _page(
        self, request: Request, handler: Handler, needs: Sequence[Scope], most: int
    ) -> Response:
        me = self.me(request)
        if me is None:
            raise RequestError(Code.UNAUTHENTICATED, "Sign in first.")
        if not me.caller.may(*needs):
            wanted = " or ".join(needs)
            raise RequestError(Code.FORBIDDEN, f"This page takes a key with the scope {wanted}.")
        if request.method == "POST":
            refuse_other_sites(request)
            await self._check_form(request, most)
        elif found := asked(request):
            return self.kept(request, found)
        return await handler(request)

    async def _check_form(self, request: Request, most: int) -> None:
        header = request.headers.get("x-csrf")
        if header is not None:  # before a body is read
            check_csrf(self.csrf(request), header)
        form = await read_form(request, most)
        if header is None:
            check_csrf(self.csrf(request), str(form.get("csrf") or ""))
        request.state.form = form

    def kept(self, request: Request, found: dict[str, str]) -> Response:
        """The same page without what its URL asked to be kept."""
        rest = [(name, value) for name, value in request.query_params.multi_items()]
        query = urlencode([(name, value) for name, value in rest if name not in found])
        answer = RedirectResponse(f"{request.scope['path']}{'?' if query else ''}{query}", 303)
        keep(answer, view_of(request), self.base(request) or CONSOLE, self.secure)
        return answer

    def _to_sign_in(self, request: Request) -> Response:
        path = request.scope["path"].removeprefix(self.base(request)) or "/"
        query = request.scope["query_string"].decode("latin-1")
        then = urlencode({"then": f"{path}?{query}" if query else path})
        if request.headers.get("sec-fetch-site") == "cross-site":
            # A link on another site: the cookie is not sent along, but with our own page's it is.
            again = f"{request.scope['path']}{'?' if query else ''}{query}"
            return self.render(request, "again.html", again=again)
        return RedirectResponse(f"{self.base(request)}{SIGN_IN}?{then}", 303)

    async def _start(self, request: Request) -> Response:
        me = self.me(request)
        if me is None:
            return self._to_sign_in(request)
        if not me.caller.may(*ENTERS):
            raise RequestError(Code.FORBIDDEN, "This key has no page of the console.")
        first = next(entry for entry in self._entries if me.caller.may(*entry.needs))
        return RedirectResponse(f"{self.base(request)}{first.path}", 303)

    async def _framework(self, request: Request, error: Any) -> Response:
        code = Code.METHOD_NOT_ALLOWED if error.status_code == 405 else Code.NOT_FOUND
        return self.refusal(request, RequestError(code, "There is no such page."))

    async def _unexpected(self, request: Request, error: Exception) -> Response:
        detail = "The service failed; its log has the details."
        return self.refusal(request, RequestError(Code.INTERNAL, detail))


def add_console(app: FastAPI, console: Console) -> None:
    """Put the console on the HTTP application."""

    async def root(request: Request) -> Response:
        return RedirectResponse(f"{request.scope.get('root_path', '')}{CONSOLE}{START}", 303)

    app.router.routes.append(Route(CONSOLE, root, name="console"))
    app.router.routes.append(Mount(CONSOLE, console.application(), name="console-pages"))


def _wants_json(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def _with(request: Request, values: dict[str, Any]) -> str:
    """The query of this page with other values; an empty one is left out."""
    query = {**dict(request.query_params), **values}
    kept = {name: value for name, value in query.items() if value not in ("", None)}
    return f"?{urlencode(kept)}"
