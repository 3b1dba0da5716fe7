"""A query against candidates, and these by their similarity to it."""

from collections.abc import Iterable
from typing import Any

from docarray import DocList
from pydantic import Field

from adjudicate.documents.problem import Problem, parsed
from adjudicate.errors import Code
from adjudicate.images import EncodedImage
from adjudicate.wire import Document


class Candidate(Document):
    """One of the things that a query is held against: a picture or a text."""

    image: EncodedImage | None = None
    text: str = ""
    place: int = 0
    """Answer: where it stood among the candidates that were sent."""
    similarity: float = 0.0
    """Answer: the cosine with the query."""
    probability: float = 0.0
    """Answer: the softmax over the candidates at the model's own logit scale."""
    problem: Problem | None = None

    @classmethod
    def parse(cls, data: Any) -> "Candidate":
        """A candidate from plain data; text alone is one too. Never raises."""
        if isinstance(data, dict):
            return parsed(cls, data, ("id", "image", "text"))
        if isinstance(data, str):
            return cls(text=data)
        detail = "a candidate must be text or an object"
        return cls(problem=Problem(code=Code.INVALID_FIELD, detail=detail))


class Ranking(Document):
    """A query, a picture or a text, against candidates; in the answer the best is first.

    The answer is without pictures.
    """

    image: EncodedImage | None = None
    text: str = ""
    candidates: DocList[Candidate] = Field(default_factory=DocList[Candidate])
    template: str = ""
    """Each candidate's text is put in its `{}`, as in `a photo of a {}`; empty for the text."""
    encoder_version: str = ""
    problem: Problem | None = None

    @classmethod
    def of(cls, query: bytes | str, candidates: Iterable[bytes | str] = ()) -> "Ranking":
        """A query against candidates: bytes are an encoded picture, `str` is a text."""
        return cls(
            **_content(query),
            candidates=DocList[Candidate](Candidate(**_content(one)) for one in candidates),
        )

    @classmethod
    def parse(cls, data: Any) -> "Ranking":
        """A ranking from plain data. Never raises: a wrong field becomes its `problem`."""
        if not isinstance(data, dict) or not isinstance(data.get("candidates", []), list):
            detail = "a query must be an object, and its candidates a list"
            return cls(problem=Problem(code=Code.INVALID_FIELD, detail=detail))
        own = {name: value for name, value in data.items() if name != "candidates"}
        ranking: Ranking = parsed(cls, own, ("id", "image", "text", "template"))
        ranking.candidates = DocList[Candidate](map(Candidate.parse, data.get("candidates", [])))
        return ranking


def _content(thing: bytes | str) -> dict[str, Any]:
    return {"text": thing} if isinstance(thing, str) else {"image": thing}
