"""Reviews in the shape of OpenAI's moderations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from adjudicate.errors import Code
from executors.gateway.operations.bodies import Body
from executors.gateway.operations.categories import categories
from executors.gateway.operations.openai_input import (
    ParameterError,
    check_text,
    fields_of,
    malformed,
    part,
)
from executors.shared.policy import Policy

MODEL = "adjudicate"
"""What answers, whatever `model` a request names."""
_SAID = ("outcome", "rule", "reasons", "confidence", "findings", "versions")


class ModerationApi:
    """Raises as `Api`, and `ParameterError` for an ad that cannot be reviewed: a result without
    a review would read as one that is not flagged."""

    def __init__(
        self, review: Callable[[Body], Awaitable[Body]], policy: Callable[[], Policy]
    ) -> None:
        """`review`: as `Api.review`. `policy`: the one in force."""
        self._review = review
        self._policy = policy

    async def create(self, body: Body) -> Body:
        """`{"input": text | [text] | [part], market?, product?, language?, metadata?}` →
        `{"id", "model", "results": [{flagged, categories, category_scores, …}]}`."""
        ads = _ads(body.get("input"))
        fields = fields_of(body)
        check_text(body, "model")
        deadline = body.get("deadline_ms")
        if type(deadline) not in (int, type(None)):
            raise malformed("deadline_ms must be a whole number", "deadline_ms")
        asked = {"ads": [{**fields, **ad} for ad in ads], "deadline_ms": deadline}
        reviewed = await self._review(asked)
        decisions = reviewed["decisions"]
        _refuse_errors(decisions, isinstance(body["input"], list) and len(ads) > 1)
        policy = self._policy()
        return {
            "id": f"modr-{decisions[0]['id']}",
            "model": MODEL,
            "results": [_result(a, d, policy) for a, d in zip(ads, decisions, strict=True)],
        }


def _ads(given: Any) -> list[Body]:
    """One ad for a text or a list of parts, several for a list of texts."""
    if isinstance(given, str):
        return [{"text": given}]
    if not isinstance(given, list):
        raise malformed("input must be a text, a list of texts, or a list of parts", "input")
    if not given:
        raise ParameterError(Code.NO_ADS, "the list input is empty", "input")
    if all(isinstance(item, str) for item in given):
        return [{"text": text} for text in given]
    return [_one_ad([part(item, f"input[{at}]") for at, item in enumerate(given)])]


def _one_ad(parts: list[Body]) -> Body:
    texts = [part["text"] for part in parts if "text" in part]
    pictures = [part for part in parts if "text" not in part]
    if len(pictures) > 1:
        detail = "an ad has one picture; send the others in requests of their own"
        raise malformed(detail, "input")
    return {**(pictures[0] if pictures else {}), **({"text": "\n".join(texts)} if texts else {})}


def _refuse_errors(decisions: list[Body], several: bool) -> None:
    wrong = [at for at, decision in enumerate(decisions) if decision["outcome"] == "error"]
    if not wrong:
        return
    at, found = wrong[0], decisions[wrong[0]]["problem"] or {}
    detail = found.get("detail") or "the ad could not be reviewed"
    param = f"input[{at}]" if several else "input"
    others = f" ({len(wrong) - 1} more of the request cannot be reviewed.)" if wrong[1:] else ""
    raise ParameterError(
        Code(found.get("code", Code.INTERNAL)), f"{param}: {detail}{others}", param
    )


def _result(ad: Body, decision: Body, policy: Policy) -> Body:
    held, scores = categories(decision, policy)
    kinds = [kind for kind, names in _KINDS.items() if any(ad.get(name) for name in names)]
    return {
        "flagged": decision["outcome"] != "approve",
        "categories": held,
        "category_scores": scores,
        "category_applied_input_types": dict.fromkeys(held, kinds),
        "adjudicate": {"decision_id": decision["id"], **{name: decision[name] for name in _SAID}},
    }


_KINDS = {"text": ("text",), "image": ("image", "url")}
