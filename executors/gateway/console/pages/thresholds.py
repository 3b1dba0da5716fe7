"""The screen's thresholds: every version, what another value would do, and which one counts."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from adjudicate.errors import AdjudicateError, Code, RequestError
from executors.gateway.console.console import Console
from executors.gateway.console.pages.library import CHANGES
from executors.gateway.console.views.requests import cosine, text, words
from executors.gateway.console.views.thresholds import (
    DEFAULT,
    SIGNALS,
    changes,
    effect_of,
    in_force,
    shadow_of,
    table,
    value_of,
    with_value,
)
from executors.gateway.door import READS_LIBRARY

STATES = ("active", "shadow", "retired")
_OFF = "off"


def add_thresholds(console: Console) -> None:
    """Put `/thresholds` on the console."""
    pages = _Thresholds(console)
    console.add("/thresholds", pages.page, needs=READS_LIBRARY)
    console.add("/thresholds/propose", pages.propose, methods=("POST",), needs=CHANGES)
    console.add("/thresholds/state", pages.put, methods=("POST",), needs=CHANGES)
    console.menu("thresholds", "/thresholds", READS_LIBRARY, order=40)


class _Thresholds:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._api = console.api.thresholds

    async def page(self, request: Request) -> Response:
        versions = (await self._api.list())["thresholds"]
        known = table(versions[0]["content"] or {}, {})  # the file's is always there
        signal = words(request, "signal")
        signal = signal if signal in SIGNALS else SIGNALS[0]
        category = words(request, "category") or known[0].category
        wanted = cosine(request, "threshold")
        effect, problem = await self._effect(category, signal, wanted)
        encoder = effect.data["encoder_version"] if effect else ""
        counts = in_force(versions, encoder)
        shown = self._shown(versions, words(request, "version"), counts)
        rows = table(shown["content"] or {}, (counts or shown)["content"] or {})
        value = value_of(shown["content"] or {}, category, signal)
        return self._console.render(
            request,
            "thresholds.html",
            here="thresholds",
            versions=versions,
            shown=shown,
            counts=counts,
            shadow=shadow_of(versions, encoder),
            rows=rows,
            changed=changes(rows),
            signals=SIGNALS,
            category=category,
            signal=signal,
            value=value,
            candidate=wanted if wanted is not None else value,
            ceiling=1.0
            if signal == "image-text"
            else self._console.settings.library.near_duplicate,
            encoder=encoder or shown["encoder_version"],
            effect=effect,
            problem=problem,
            default=DEFAULT,
        )

    async def propose(self, request: Request) -> Response:
        """A version like another but for one value, to be watched beside what counts."""
        form = await self._console.form(request)
        base = await self._one(text(form, "version"), text(form, "encoder"))
        category, signal = text(form, "category"), text(form, "signal")
        if signal not in SIGNALS or not category:
            raise RequestError(Code.INVALID_FIELD, f"signal must be one of {', '.join(SIGNALS)}")
        content = with_value(base["content"], category, signal, _value(text(form, "threshold")))
        asked = {
            "encoder_version": base["encoder_version"] or text(form, "encoder"),
            "content": content,
            "state": "shadow",
            "note": text(form, "note") or f"{signal} {category}, from {base['id']}",
            "created_by": self._by(request),
        }
        (held,) = (await self._api.add({"thresholds": [asked]}))["thresholds"]
        if held["problem"]:
            raise RequestError(Code(held["problem"]["code"]), held["problem"]["detail"])
        path = f"/thresholds?version={held['id']}"
        return self._console.go(request, path, said="thresholds.proposed", id=held["id"])

    async def put(self, request: Request) -> Response:
        """A version in another state: active, shadow, or retired."""
        form = await self._console.form(request)
        version, state = text(form, "version"), text(form, "state")
        body = {"state": state, "by": self._by(request), "note": text(form, "note")}
        body["encoder_version"] = text(form, "encoder")
        await self._api.set(version, {name: said for name, said in body.items() if said})
        said = f"thresholds.now_{state}" if state in STATES else "thresholds.proposed"
        return self._console.go(request, "/thresholds", said=said, id=version)

    async def _effect(
        self, category: str, signal: str, threshold: float | None
    ) -> tuple[Any, AdjudicateError | None]:
        """The values can be read and changed while what they would do cannot be told."""
        asked: dict[str, Any] = {"category": category, "signal": signal}
        if threshold is not None:
            asked["threshold"] = threshold
        try:
            return effect_of(await self._console.api.learning.effect(asked)), None
        except AdjudicateError as error:
            return None, error

    async def _one(self, version: str, encoder: str) -> Any:
        found = [
            one
            for one in (await self._api.list())["thresholds"]
            if one["id"] == version and one["encoder_version"] in ("", encoder)
        ]
        if not found:
            raise RequestError(Code.NOT_FOUND, f"there are no thresholds {version[:50]!r}")
        return found[0]

    def _shown(self, versions: list[Any], wanted: str, counts: Any) -> Any:
        found = [one for one in versions if wanted and one["id"].startswith(wanted)]
        if wanted and not found:
            raise RequestError(Code.NOT_FOUND, f"there are no thresholds {wanted[:50]!r}")
        return found[0] if found else counts or versions[0]

    def _by(self, request: Request) -> str:
        me = self._console.me(request)
        return me.name[:200] if me else ""


def _value(said: str) -> float | None:
    if said == _OFF:
        return None
    try:
        value = float(said)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise RequestError(
            Code.INVALID_FIELD, "threshold must be a number above 0, 1 at most, or off"
        )
    return value
