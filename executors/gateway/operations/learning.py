"""What people's answers teach, in the JSON contract: lessons for the library, rulings carried over
to near-duplicates, and the figures on both.

Who asks is written on the documents on their way into the rooms, see `routing.signing`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from docarray import DocList

from adjudicate.documents import (
    Exemplar,
    Learning,
    Lesson,
    Lookup,
    Overview,
    Propagation,
    PropagationAsk,
    ThresholdEffect,
)
from adjudicate.errors import Code, RequestError
from adjudicate.images import EncodedImage
from executors.gateway.operations.bodies import Body, page_of, plain
from executors.gateway.operations.given import names_of, sound, text_of, texts_of, truth_of
from executors.gateway.operations.quality import hours_of
from executors.gateway.routing.rooms import Rooms
from executors.shared.policy import Policy

MOST_ONLY = 1_000

_LESSON = "/learning/lesson"
_TAUGHT = ("category", "rule", "note")
_WINDOW = ("since", "until", "note")

Picture = Callable[[str], Awaitable[bytes]]
"""The bytes of a picture by their SHA-256. Raises `RequestError` `not_found`."""


class LearningApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    a room is down.
    """

    def __init__(self, rooms: Rooms, policy: Callable[[], Policy], picture: Picture) -> None:
        """`policy`: the one in force, for what an exemplar must say beside its rule."""
        self._rooms = rooms
        self._policy = policy
        self._picture = picture

    async def teach(self, decision_id: str, body: Body) -> Body:
        """`{category?, rule?, note?}` → the `Lesson`: the settled ad is an exemplar now, of a
        violation or a look-alike as it was settled. To teach it again changes nothing.

        Raises `RequestError`: `not_found` also where the ad is no longer kept, `not_settled`,
        `invalid_field` also where the library holds the content under another label.
        """
        asked = Lesson(id=decision_id, **texts_of(body, _TAUGHT))
        # One request, whatever it asks of the rooms: who may teach adds to the library by this.
        async with self._rooms.door.enter(_LESSON, 1):
            lesson = await self._one(_LESSON, asked, Lesson)
            if lesson.remove:
                await self._forget(decision_id, "what counts for the ad has changed")
                lesson = await self._one(_LESSON, asked, Lesson)
            if not lesson.at:
                held = await self._added(lesson)
                lesson.exemplar_id, lesson.repeats = held.id or "", bool(held.repeats)
                lesson = await self._one("/learning/taught", lesson, Lesson)
                lesson.near_duplicate = held.near_duplicate
        return _lesson(lesson)

    async def forget(self, decision_id: str, body: Body) -> Body:
        """`{note?}` → the `Lesson` that was taken back; its exemplar leaves the library unless
        another decision taught the same, or it was there before. Raises `RequestError`
        `not_found` where the decision taught nothing."""
        async with self._rooms.door.enter(_LESSON, 1):
            return _lesson(await self._forget(decision_id, text_of(body, "note")))

    async def undone(self, decision_id: str) -> None:
        """An answer to a decision was taken back: so is what it taught, if it did."""
        with suppress(RequestError):
            await self.forget(decision_id, {"note": "the answer was taken back"})

    async def propagate(self, body: Body) -> Body:
        """As `apply`, or with `dry_run` as `preview`."""
        return await (self.preview if truth_of(body, "dry_run") else self.apply)(body)

    async def preview(self, body: Body) -> Body:
        """`{decision_id, past?, since?, until?}` → a `Propagation`: what would happen."""
        return await self._propagation("/learning/preview", body)

    async def apply(self, body: Body) -> Body:
        """`{decision_id, past?, since?, until?, only?, note?}` → the `Propagation` as it was
        applied; what has changed since the preview is skipped."""
        return await self._propagation("/learning/apply", body)

    async def undo(self, propagation_id: str, body: Body) -> Body:
        """`{only?}` → the `Propagation` as it is once it was taken back."""
        only = names_of(body, "only", MOST_ONLY)
        asked = Propagation(id=propagation_id, only=only)
        return _propagation(await self._one("/learning/undo", asked, Propagation))

    async def propagations(self, query: Body) -> Body:
        """`{decision_id?, limit?, offset?}` → `{"propagations": […]}` without their items, the
        newest first."""
        decision = text_of(query, "decision_id")
        asked = PropagationAsk(id="", decision_id=decision, **page_of(query))
        found = await self._post("/learning/propagations", asked, Propagation)
        return {"propagations": [_propagation(sound(one)) for one in found]}

    async def propagation(self, propagation_id: str) -> Body:
        """One propagation with its items. Raises `RequestError` `not_found`."""
        if not propagation_id:
            raise RequestError(Code.NOT_FOUND, "there is no propagation without an id")
        asked = PropagationAsk(id=propagation_id)
        return _propagation(await self._one("/learning/propagations", asked, Propagation))

    async def figures(self, query: Body) -> Body:
        """`{hours?}` → a `Learning`."""
        asked = Learning(hours=hours_of(query))
        return _bare(await self._one("/learning/figures", asked, Learning))

    async def overview(self, query: Body) -> Body:
        """`{hours?}` → an `Overview`."""
        asked = Overview(hours=hours_of(query))
        return _bare(await self._one("/overview", asked, Overview))

    async def effect(self, query: Body) -> Body:
        """`{category, signal, threshold?, hours?}` → a `ThresholdEffect`."""
        asked = ThresholdEffect(
            **texts_of(query, ("category", "signal")),
            threshold=_number(query, "threshold"),
            hours=hours_of(query),
        )
        return _bare(await self._one("/thresholds/effect", asked, ThresholdEffect))

    async def _propagation(self, endpoint: str, body: Body) -> Body:
        asked = Propagation(
            id="",
            decision_id=text_of(body, "decision_id"),
            past=truth_of(body, "past"),
            only=names_of(body, "only", MOST_ONLY),
            **texts_of(body, _WINDOW),
        )
        return _propagation(await self._one(endpoint, asked, Propagation))

    async def _added(self, lesson: Lesson) -> Exemplar:
        """The exemplar as the library holds it now."""
        picture = await self._picture(lesson.picture) if lesson.picture else None
        rule = self._policy().rules.get(lesson.rule)
        if rule is not None and not lesson.category:
            lesson.category = next(iter(rule.categories), "")
        why = f": {lesson.note}" if lesson.note else ""
        exemplar = Exemplar(
            id=lesson.exemplar_id,
            image=None if picture is None else EncodedImage(picture),
            text=lesson.text,
            **{name: getattr(lesson, name) for name in ("category", "rule", "polarity", "bank")},
            severity=rule.severity if rule is not None else "medium",
            note=f"decision {lesson.id}{why}",
            added_by=lesson.by_name or lesson.by,
        )
        return await self._one("/library/add", exemplar, Exemplar)

    async def _forget(self, decision_id: str, why: str) -> Lesson:
        asked = Lesson(id=decision_id, note=why)
        lesson: Lesson = await self._one("/learning/forgotten", asked, Lesson)
        if lesson.remove:
            who = self._rooms.door.who()
            said = {"by": (who.name or who.id) if who else "", "why": why}
            lookup = DocList[Lookup]([Lookup(id=lesson.exemplar_id)])
            removed = await self._rooms.post("/library/remove", lookup, Lookup, parameters=said)
            sound(removed[0])
        return lesson

    async def _one(self, endpoint: str, asked: Any, kind: Any) -> Any:
        (answer,) = await self._post(endpoint, asked, kind)
        return sound(answer)

    async def _post(self, endpoint: str, asked: Any, kind: Any) -> DocList[Any]:
        return await self._rooms.post(endpoint, DocList[type(asked)]([asked]), kind)


def _number(query: Body, name: str) -> float | None:
    value = query.get(name)
    try:
        if isinstance(value, bool):
            raise ValueError
        return None if value is None or value == "" else float(value)
    except (TypeError, ValueError):
        raise RequestError(Code.MALFORMED, f"{name} must be a number") from None


def _bare(document: Any) -> Body:
    """Without the ids of what has none but for Jina, and without what is no problem."""
    return _stripped(_without(plain(document), ("problem",)))


def _stripped(value: Any) -> Any:
    if isinstance(value, list):
        return [_stripped(item) for item in value]
    if isinstance(value, dict):
        return {name: _stripped(inner) for name, inner in value.items() if name != "id"}
    return value


def _lesson(lesson: Lesson) -> Body:
    return _without(plain(lesson), ("role", "problem", "remove", "text"))


def _propagation(propagation: Propagation) -> Body:
    said = _without(plain(propagation), ("role", "problem", "only"))
    said["items"] = [_without(item, ("problem",)) for item in said["items"] or ()]
    return said


def _without(data: Body, names: tuple[str, ...]) -> Body:
    return {name: value for name, value in data.items() if name not in names}
