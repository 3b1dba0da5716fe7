"""What OpenAI's clients send, as ads: texts, and parts of text and pictures."""

from __future__ import annotations

import re
from typing import Any

from adjudicate.errors import AdjudicateError, Code
from executors.gateway.operations.bodies import Body

_DATA_URL = re.compile(r"data:(?P<kind>[^,;]*)(?:;[^,;]*)*;base64,", re.IGNORECASE)
FIELDS = ("market", "product", "language", "advertiser", "rationale")
"""Of an ad, that a request may set for all of its ads: beside `input`, or in `metadata`."""


class ParameterError(AdjudicateError):
    """A refusal that names the parameter at fault, as OpenAI's errors do."""

    def __init__(self, code: Code, detail: str, param: str) -> None:
        super().__init__(code, detail)
        self.param = param


def malformed(detail: str, param: str) -> ParameterError:
    """Of what cannot be read."""
    return ParameterError(Code.MALFORMED, detail, param)


def check_text(given: Body, name: str, param: str = "") -> None:
    """Raises `ParameterError` unless that field is text, null or not there."""
    if not isinstance(given.get(name), str | None):
        raise malformed(f"{name} must be text", param or name)


def fields_of(body: Body) -> Body:
    """The fields of an ad that a request sets for all of its ads. What `metadata` says beyond them
    is the ads' context. Raises `ParameterError`."""
    metadata = {} if body.get("metadata") is None else body["metadata"]
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise malformed("metadata must be an object of texts", "metadata")
    fields: Body = {name: metadata[name] for name in FIELDS if name in metadata}
    fields |= {name: body[name] for name in FIELDS if body.get(name) is not None}
    context = {name: value for name, value in metadata.items() if name not in FIELDS}
    return {**fields, "context": context} if context else fields


def picture(url: Any, param: str) -> Body:
    """The field of an ad for a picture's URL: its base64 if it is a data URL, else the URL.

    Raises `ParameterError`.
    """
    if not isinstance(url, str) or not url:
        raise malformed("the url of a picture must be text", param)
    if url[:5].lower() != "data:":
        return {"url": url}
    found = _DATA_URL.match(url)
    if found is None:
        raise malformed("a data URL must be of the form data:image/…;base64,…", param)
    if found["kind"] and not found["kind"].lower().startswith("image/"):
        raise malformed("a data URL must be that of an image", param)
    return {"image": url[found.end() :]}


def part(given: Any, param: str) -> Body:
    """`{"text": …}`, `{"image": …}` or `{"url": …}` for a part as OpenAI writes it:
    `{type: "text", text}` or `{type: "image_url", image_url: {url}}`. Raises `ParameterError`."""
    kind = given.get("type") if isinstance(given, dict) else None
    if kind == "text":
        _only(given, {"type", "text"}, param)
        if not isinstance(given.get("text"), str):
            raise malformed("the text of a part must be text", f"{param}.text")
        return {"text": given["text"]}
    if kind == "image_url":
        _only(given, {"type", "image_url"}, param)
        image_url = given.get("image_url")
        if not isinstance(image_url, dict):
            raise malformed('image_url must be {"url": …}', f"{param}.image_url")
        _only(image_url, {"url", "detail"}, f"{param}.image_url")
        check_text(image_url, "detail", f"{param}.image_url.detail")
        return picture(image_url.get("url"), f"{param}.image_url.url")
    raise malformed('a part must be {"type": "text", …} or {"type": "image_url", …}', param)


def _only(given: Body, known: set[str], param: str) -> None:
    if unknown := sorted(set(given) - known):
        raise malformed(f"not known: {unknown[0][:50]}", param)
