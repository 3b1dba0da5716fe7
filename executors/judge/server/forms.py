"""How a server takes the wish for JSON: found out once per kind of answer, and remembered.

Servers differ in what they accept, and say no with a 400: `response_format` (OpenAI, vLLM, SGLang,
newer lmdeploy), `guided_json` (older vLLM, xinference), or neither: then the prompt alone asks for
JSON and the answer is held to it when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from executors.judge.server.errors import NotTaken

GRAMMARS = ("json_schema", "guided_json", "prompt")
TOP_LOGPROBS = 10
_OURS = ("response_format", "json_schema", "guided", "grammar", "schema", "logprob")
"""Words by which a refusal is known to be about the form, not about the ad."""


@dataclass(frozen=True)
class Form:
    """One way to put the same question."""

    grammar: str
    logprobs: bool

    def __str__(self) -> str:
        return f"{self.grammar} {'with' if self.logprobs else 'without'} logprobs"

    def parameters(self, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
        """What a request has beside model, messages and length."""
        asked: dict[str, Any] = {}
        if self.logprobs:
            asked |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        if self.grammar == "json_schema":
            wanted = {"name": name, "schema": dict(schema), "strict": True}
            asked["response_format"] = {"type": "json_schema", "json_schema": wanted}
        elif self.grammar == "guided_json":
            asked["extra_body"] = {"guided_json": dict(schema)}
        return asked


class Forms:
    """The forms of one kind of answer, best first."""

    def __init__(self, *, logprobs: bool) -> None:
        self.now = Form(GRAMMARS[0], logprobs)
        self.known = False
        """Whether the server has answered in the form of `now`."""

    def taken(self, form: Form) -> None:
        """The server answered a question in this form."""
        self.now = form
        self.known = True

    def after(self, form: Form, refusal: NotTaken) -> Form | None:
        """What to try when `form` was refused; None when the refusal is about the ad itself."""
        said = refusal.detail.lower()
        if self.known and not any(word in said for word in _OURS):
            return None
        place = GRAMMARS.index(form.grammar) + 1
        if form.logprobs and ("logprob" in said or place == len(GRAMMARS)):
            return Form(form.grammar if "logprob" in said else GRAMMARS[0], logprobs=False)
        return replace(form, grammar=GRAMMARS[place]) if place < len(GRAMMARS) else None
