"""The library room's endpoints for its exemplars and their banks."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from docarray import BaseDoc, DocList
from jina import requests

from adjudicate.documents import Bank, Change, Exemplar, Lookup, Polarity, Problem
from adjudicate.errors import AdError, Code
from executors.library.checks import check_exemplar, check_labels, check_words, problem_of
from executors.library.curation import EDITED, Curation
from executors.library.store import SORTS, ExemplarStore
from executors.library.terms import TermsInForce
from executors.shared.parameters import one_of, truth, whole_number, words
from executors.shared.policies import Policies
from executors.shared.room import Room

MAX_PAGE = 1_000

D = TypeVar("D", bound=BaseDoc)

logger = logging.getLogger(__name__)


class ExemplarRoom(Room):
    """A room that keeps exemplars."""

    def open_exemplars(self) -> ExemplarStore:
        """Call it from `open`. Raises `ConfigurationError` for a database or policy that cannot be
        read."""
        self._terms = TermsInForce()
        self._policies = Policies(
            self.settings.policies, self.settings.policy_poll_s, self._terms.prepare
        )
        self._store = ExemplarStore(self.settings.database)
        self._curation = Curation(self._store.engine)
        return self._store

    def near_duplicates(self, exemplars: Sequence[Exemplar]) -> list[str]:
        """For each exemplar the id of the held one that it is almost a copy of; else empty."""
        raise NotImplementedError

    @requests(on="/library/add")
    async def add(
        self, docs: DocList[Exemplar], parameters: dict | None = None, **kwargs: Any
    ) -> DocList[Exemplar]:
        """Exemplars as they are held now, without picture and embeddings, or with the problem that
        kept them out. What is answered without one is on disk and counts from now on.

        `parameters`: `dry_run` (false) answers the same and changes nothing.
        """
        given = list(docs)
        for exemplar in given:
            exemplar.problem = exemplar.problem or check_exemplar(exemplar, self._policies.current)
        sound = [exemplar for exemplar in given if exemplar.problem is None]
        results: Sequence[Exemplar | AdError]
        try:
            dry = truth(parameters or {}, "dry_run") or False
            results = await asyncio.to_thread(self._added, sound, dry) if sound else []
        except AdError as error:
            results = [error] * len(sound)
        except Exception:
            logger.exception("exemplars could not be stored")
            failure = AdError(Code.INTERNAL, "the exemplar could not be stored")
            results = [failure] * len(sound)
        stored = iter(results)
        return DocList[Exemplar](
            _light(exemplar if exemplar.problem else _answer(exemplar, next(stored)))
            for exemplar in given
        )

    @requests(on="/library/list")
    async def list_exemplars(
        self, docs: DocList[Lookup], parameters: dict, **kwargs: Any
    ) -> DocList[Exemplar]:
        """The exemplar of each id; for an empty id a page, the newest first.

        `parameters`: `limit` (100), `offset` (0), `category`, `polarity`, `bank`, `image` (false),
        `sort` (`newest`; `id`, `flagged`, `rejected`, `overturned`), `after` (an id, with `sort`
        `id`).
        """
        lookups = list(docs)

        def work() -> list[Exemplar]:
            page = {
                "limit": whole_number(parameters, "limit", 100, least=1, most=MAX_PAGE),
                "offset": whole_number(parameters, "offset", 0, most=10**9),
                "sort": one_of(parameters, "sort", SORTS),
                **{n: words(parameters, n) for n in ("category", "polarity", "bank", "after")},
            }
            if page["after"] and page["sort"] != "id":
                raise AdError(Code.INVALID_FIELD, "after goes with sort id")
            return list(self._listed(lookups, truth(parameters, "image") or False, page))

        return await answered(Exemplar, lookups, work)

    @requests(on="/library/held")
    async def held(self, docs: DocList[Lookup], **kwargs: Any) -> DocList[Exemplar]:
        """The exemplar that has the content of each hash, without its picture, or a `not_found`
        problem: so that nobody sends a picture that is held already."""
        lookups = list(docs)
        hashes = [lookup.id or "" for lookup in lookups]
        missing = Problem(code=Code.NOT_FOUND, detail="no exemplar has this content")

        def work() -> list[Exemplar]:
            found = self._store.held(hashes)
            return [
                found.get(content) or Exemplar(content_hash=content, problem=missing)
                for content in hashes
            ]

        return await answered(Exemplar, lookups, work)

    @requests(on="/library/remove")
    async def remove(
        self, docs: DocList[Lookup], parameters: dict | None = None, **kwargs: Any
    ) -> DocList[Lookup]:
        """Takes exemplars out; `found` says whether each was there. `parameters`: `by`, `why`."""
        lookups, said = list(docs), parameters or {}

        def work() -> list[Lookup]:
            by, why = _name(said, "by"), words(said, "why")
            ids = [lookup.id or "" for lookup in lookups]
            found = self._store.remove(ids, by, why)
            return [Lookup(id=at, found=was) for at, was in zip(ids, found, strict=True)]

        return await answered(Lookup, lookups, work)

    @requests(on="/library/set")
    async def set_exemplar(
        self, docs: DocList[Lookup], parameters: dict, **kwargs: Any
    ) -> DocList[Exemplar]:
        """The exemplar of each id as it is now, or with its problem.

        `parameters`: what is set, of `enabled`, `bank`, `category`, `rule`, `severity`,
        `polarity`, `note`; and `by` and `why` for the log.
        """
        lookups = list(docs)

        def work() -> list[Exemplar]:
            fields: dict[str, Any] = {
                name: words(parameters, name)
                for name in EDITED
                if name in parameters and name != "enabled"
            }
            if (enabled := truth(parameters, "enabled")) is not None:
                fields["enabled"] = enabled
            if not fields:
                raise AdError(Code.INVALID_FIELD, f"nothing to set; known: {', '.join(EDITED)}")
            one_of(parameters, "polarity", get_args(Polarity))
            by, why = _name(parameters, "by"), words(parameters, "why")
            return [self._set(lookup.id or "", fields, by, why) for lookup in lookups]

        return await answered(Exemplar, lookups, work)

    @requests(on="/library/banks")
    async def banks(self, docs: DocList[Lookup], **kwargs: Any) -> DocList[Bank]:
        """Every bank with its counts."""
        return await answered(Bank, list(docs), self._curation.banks)

    @requests(on="/library/bank")
    async def switch_bank(
        self, docs: DocList[Lookup], parameters: dict, **kwargs: Any
    ) -> DocList[Bank]:
        """The bank of each name, its `id`, as it is now; one that is not there is made.

        `parameters`: `enabled`, `note`, `by`.
        """
        lookups = list(docs)

        def work() -> list[Bank]:
            enabled = truth(parameters, "enabled")
            by, note = _name(parameters, "by"), words(parameters, "note")
            names = [_bank_name(lookup.id or "") for lookup in lookups]
            return [self._curation.switch(name, enabled, by=by, note=note) for name in names]

        return await answered(Bank, lookups, work)

    @requests(on="/library/changes")
    async def changes(
        self, docs: DocList[Lookup], parameters: dict, **kwargs: Any
    ) -> DocList[Change]:
        """Who did what to the exemplar of each id and its bank, or, for an empty id, to all; the
        newest first. `parameters`: `limit` (100), `offset` (0)."""
        lookups = list(docs)

        def work() -> list[Change]:
            limit = whole_number(parameters, "limit", 100, least=1, most=MAX_PAGE)
            offset = whole_number(parameters, "offset", 0, most=10**9)
            return [
                change
                for lookup in lookups
                for change in self._curation.log(limit, offset, exemplar_id=lookup.id or "")
            ]

        return await answered(Change, lookups, work)

    def shut(self) -> None:
        """End the connections to the exemplars' database, and follow the policy no longer."""
        self._policies.close()
        self._store.close()
        super().shut()

    def _added(self, exemplars: list[Exemplar], dry: bool) -> list[Exemplar | AdError]:
        near = self.near_duplicates(exemplars)
        answers = self._store.add(exemplars, dry_run=dry)
        for answer, other in zip(answers, near, strict=True):
            if isinstance(answer, Exemplar) and not answer.repeats:
                answer.near_duplicate = other
        return answers

    def _set(self, exemplar_id: str, fields: Mapping[str, Any], by: str, why: str) -> Exemplar:
        def check(exemplar: Exemplar) -> None:
            check_labels(exemplar, self._policies.current)

        try:
            return self._curation.set(exemplar_id, fields, check, by=by, why=why)
        except AdError as error:
            return Exemplar(id=exemplar_id, problem=problem_of(error))

    def _listed(
        self, lookups: Sequence[Lookup], image: bool, page: Mapping[str, Any]
    ) -> Iterator[Exemplar]:
        for lookup in lookups:
            if not lookup.id:
                yield from self._store.page(**page, image=image)
                continue
            held = self._store.get(lookup.id, image=image)
            missing = Problem(code=Code.NOT_FOUND, detail="no exemplar has this id")
            yield held or Exemplar(id=lookup.id, problem=missing)


async def answered(
    kind: type[D], lookups: Sequence[Lookup], work: Callable[[], list[D]]
) -> DocList[D]:
    """What `work` returns, from a thread; or, for each lookup, a document with the problem."""
    try:
        return DocList[kind](await asyncio.to_thread(work))
    except AdError as error:
        problem = problem_of(error)
    except Exception:
        logger.exception("the exemplars could not be read or changed")
        problem = Problem(code=Code.INTERNAL, detail="the library failed on this request")
    return DocList[kind](kind(id=lookup.id, problem=problem) for lookup in lookups)


def _answer(asked: Exemplar, result: Exemplar | AdError) -> Exemplar:
    """What was stored, or what was asked with its problem."""
    if isinstance(result, AdError):
        asked.problem = problem_of(result)
        return asked
    return result


def _light(exemplar: Exemplar) -> Exemplar:
    exemplar.image = exemplar.image_embedding = exemplar.text_embedding = None
    return exemplar


def _name(parameters: Mapping[str, Any], name: str) -> str:
    value = words(parameters, name)
    check_words(name, value)
    return value


def _bank_name(name: str) -> str:
    check_words("bank", name)
    if not name.strip():
        raise AdError(Code.INVALID_FIELD, "bank must not be empty")
    return name
