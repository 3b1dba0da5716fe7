"""The two requests that an ad costs: its labels, and the written answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from executors.judge.answer import UnusableAnswer, json_schema
from executors.judge.backend import JudgeUnavailable, Question, QuestionRefused, Tokens
from executors.judge.prompt import Style
from executors.judge.server.calls import Calls
from executors.judge.server.chat import chat
from executors.judge.server.errors import NotTaken
from executors.judge.server.forms import Form, Forms
from executors.judge.server.labels import Label, read_labels, schema
from executors.judge.server.reply import Reply
from executors.judge.tracing import chat_span, note_usage
from executors.shared.settings import JudgeSettings

VERDICT_TOKENS = 64
ANSWER_TOKENS = 1_024
"""Unless the settings say otherwise. An answer that is longer cannot be read, and the ad goes to a
person."""

VIOLATION, INSTRUCTION = "violation", "instruction"
_SHORT: dict[Style, tuple[tuple[str, ...], ...]] = {
    "full": ((VIOLATION, INSTRUCTION),),
    # A model tuned on the compact format has learnt each label as an answer of its own.
    "compact": ((VIOLATION,), (INSTRUCTION,)),
}

VERSION = "1"
"""Changes with the words that are said here beside those of executors/judge/prompt.py."""

_TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

Chat = list[dict[str, Any]]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """An answer that is wanted, and how this server takes the wish for its schema."""

    name: str
    schema: Mapping[str, Any]
    tokens: int
    forms: Forms


class Asking:
    """Puts questions to one model of one server, in the form that the server takes.

    `costs` gets what each answer cost, None where the server does not say. Both methods raise what
    `Calls.ask` raises, and `QuestionRefused` where a server that has answered others will not have
    this ad.
    """

    def __init__(self, calls: Calls, settings: JudgeSettings, style: Style) -> None:
        self._calls = calls
        self._model = settings.model
        self._url = urlsplit(settings.url)
        self._answer_tokens = settings.max_new_tokens or ANSWER_TOKENS
        self._style = style
        self._for_labels, self._for_answers = Forms(logprobs=True), Forms(logprobs=False)

    @property
    def form(self) -> Form:
        """In which labels are asked for."""
        return self._for_labels.now

    async def labels(
        self,
        question: Question,
        picture: str | None,
        deadline: float | None,
        costs: list[Tokens | None],
    ) -> dict[str, Label]:
        """`violation` and `instruction`; `picture` is a data URL.

        Raises `JudgeUnavailable` `unreadable_verdict` for an answer that is neither.
        """
        labels: dict[str, Label] = {}
        for keys in _SHORT[self._style]:

            def chat_for(form: Form, keys: Sequence[str] = keys) -> Chat:
                # A tuned model's prompt is as in its training, unless nothing else asks for JSON.
                said = self._style == "full" or form.grammar == "prompt"
                return chat(self._style, question, picture, _last_line(keys) if said else "")

            wish = Wish("verdict", schema(keys), VERDICT_TOKENS, self._for_labels)
            reply = await self._ask(question, wish, chat_for, deadline)
            costs.append(reply.cost)
            try:
                labels |= read_labels(reply, keys)
            except UnusableAnswer as error:
                raise JudgeUnavailable("unreadable_verdict", str(error)) from None
        return labels

    async def answer(
        self,
        question: Question,
        picture: str | None,
        deadline: float | None,
        costs: list[Tokens | None],
    ) -> str:
        """The written answer, of the schema in executors/judge/answer.py where the server can."""
        wanted = json_schema(len(question.rules), rationale=self._style == "full")
        asked = chat(self._style, question, picture)
        wish = Wish("answer", wanted, self._answer_tokens, self._for_answers)
        reply = await self._ask(question, wish, lambda _: asked, deadline)
        costs.append(reply.cost)
        return reply.text

    async def _ask(
        self,
        question: Question,
        wish: Wish,
        chat_for: Callable[[Form], Chat],
        deadline: float | None,
    ) -> Reply:
        forms = wish.forms
        form: Form | None = forms.now
        while form is not None:
            request = {
                "model": self._model,
                "messages": chat_for(form),
                "temperature": 0,
                "max_tokens": wish.tokens,
                **form.parameters(wish.name, wish.schema),
            }
            try:
                reply = await self._send(question, request, deadline)
            except NotTaken as error:
                lower = forms.after(form, error)
                if lower is None:
                    raise self._refused(error) from None
                form = lower
            else:
                if form != forms.now:
                    logger.warning("the judge's server is asked for its %s by %s", wish.name, form)
                forms.taken(form)
                return reply
        raise AssertionError("a form is left, or the refusal was raised")

    async def _send(
        self, question: Question, request: dict[str, Any], deadline: float | None
    ) -> Reply:
        tokens = request["max_tokens"]
        with chat_span(question.traceparent, self._model, tokens, self._url) as span:
            traceparent = question.traceparent if span is None else span.traceparent
            # It came with the ad: whatever else stands there must not become a header.
            if _TRACEPARENT.fullmatch(traceparent or ""):
                request["extra_headers"] = {"traceparent": traceparent}
            reply = await self._calls.ask(request, deadline)
            note_usage(span, reply)
            return reply

    def _refused(self, error: NotTaken) -> Exception:
        others = self._for_labels.known
        return QuestionRefused(f"the judge's server: {error.detail}") if others else error


def _last_line(keys: Sequence[str]) -> str:
    shape = ", ".join(f'"{key}": <true or false>' for key in keys)
    return f"Now answer with these labels alone: {{{shape}}}"
