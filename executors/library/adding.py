"""Adding a group of exemplars: what is new, what is held already, what contradicts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from adjudicate.content import content_hash
from adjudicate.documents import Exemplar
from adjudicate.errors import AdError, Code
from executors.library.changing import Change, chunks
from executors.library.rows import embedding_values
from executors.library.schema import EMBEDDINGS, EXEMPLARS, IMAGES

_LABELS = ("category", "rule", "polarity")
_GIVEN = ("id", *_LABELS, "severity", "bank", "note", "added_by", "phash", "enabled")

Values = dict[str, Any]
"""A row of `exemplars`, by column."""


def add_all(change: Change, exemplars: Sequence[Exemplar]) -> list[Exemplar | AdError]:
    """The answer to each exemplar, in order. However many there are, it asks a few times only."""
    given = [_values(exemplar, change) for exemplar in exemplars]
    known = _Known(change.connection, given)
    answers: list[Exemplar | AdError] = []
    new: list[tuple[Values, Exemplar]] = []
    back: list[tuple[Values, Exemplar]] = []
    embedded: dict[tuple[str, str], Values] = {}
    for values, exemplar in zip(given, exemplars, strict=True):
        held = known.by_content.get(values["content_hash"])
        if held is not None and not held["removed"]:
            if contradiction := _contradiction(held, values):
                answers.append(contradiction)
                continue
            answers.append(_answer(held, exemplar.encoder_version, repeats=held["id"]))
            values["id"] = held["id"]
        elif held is not None:
            values["id"] = held["id"]
            back.append((values, exemplar))
            answers.append(_answer(values, exemplar.encoder_version))
        elif values["id"] in known.ids:
            answers.append(_taken(values["id"]))
            continue
        else:
            new.append((values, exemplar))
            answers.append(_answer(values, exemplar.encoder_version))
        known.remember(values, held)
        key = (values["id"], exemplar.encoder_version)
        if key not in known.embedded:
            embedded.setdefault(key, {"exemplar_id": values["id"], **embedding_values(exemplar)})
    _write(change, new, back, embedded)
    return answers


class _Known:
    """What the library holds of what a group names."""

    def __init__(self, connection: Connection, given: Sequence[Values]) -> None:
        self.by_content: dict[str, Values] = {}
        self.ids: set[str] = set()
        self.embedded: set[tuple[str, str]] = set()
        for part in chunks(list({values["content_hash"] for values in given})):
            query = select(EXEMPLARS).where(EXEMPLARS.c.content_hash.in_(part))
            for row in connection.execute(query):
                self.by_content[row.content_hash] = dict(row._mapping)
        for part in chunks(list({values["id"] for values in given})):
            query = select(EXEMPLARS.c.id).where(EXEMPLARS.c.id.in_(part))
            self.ids.update(connection.scalars(query))
        for part in chunks([held["id"] for held in self.by_content.values()]):
            keys = select(EMBEDDINGS.c.exemplar_id, EMBEDDINGS.c.encoder_version)
            rows = connection.execute(keys.where(EMBEDDINGS.c.exemplar_id.in_(part)))
            self.embedded.update((row.exemplar_id, row.encoder_version) for row in rows)

    def remember(self, values: Values, held: Values | None) -> None:
        """The next of the group may repeat this one."""
        self.ids.add(values["id"])
        if held is None or held["removed"]:
            self.by_content[values["content_hash"]] = values


def _write(
    change: Change,
    new: Sequence[tuple[Values, Exemplar]],
    back: Sequence[tuple[Values, Exemplar]],
    embedded: dict[tuple[str, str], Values],
) -> None:
    if not (new or back or embedded):
        return
    change.changed = True
    connection = change.connection
    change.make_banks({values["bank"] for values, _ in (*new, *back)})
    if new:
        connection.execute(insert(EXEMPLARS), [values for values, _ in new])
        pictures = [
            {"exemplar_id": values["id"], "image": bytes(exemplar.image)}
            for values, exemplar in new
            if exemplar.image is not None
        ]
        if pictures:
            connection.execute(insert(IMAGES), pictures)
    for values, exemplar in back:
        connection.execute(update(EXEMPLARS).where(EXEMPLARS.c.id == values["id"]).values(**values))
        change.log("added again", exemplar.added_by, exemplar.note, ids=[values["id"]])
    if embedded:
        rows = [{**values, "revision": change.revision} for values in embedded.values()]
        connection.execute(insert(EMBEDDINGS), rows)


def _values(exemplar: Exemplar, change: Change) -> Values:
    text = exemplar.text.strip()
    return {
        **{name: getattr(exemplar, name) for name in _GIVEN},
        "content_hash": content_hash(exemplar.image, text),
        "text": text,
        "added_at": exemplar.added_at or change.at,
        "removed": False,
        "revision": change.revision,
    }


def _answer(values: Values, encoder_version: str, repeats: str = "") -> Exemplar:
    named = (*_GIVEN, "content_hash", "text", "added_at")
    fields = {name: values[name] for name in named}
    return Exemplar(**fields, encoder_version=encoder_version, repeats=repeats)


def _contradiction(held: Values, values: Values) -> AdError | None:
    if all(held[name] == values[name] for name in _LABELS):
        return None
    return AdError(
        Code.INVALID_FIELD,
        f"this content is held as {held['polarity']} of category {held['category']!r}, rule "
        f"{held['rule']!r}, by id {held['id']}; edit or remove that first",
    )


def _taken(exemplar_id: str) -> AdError:
    return AdError(Code.INVALID_FIELD, f"the id {exemplar_id} is that of another exemplar")
