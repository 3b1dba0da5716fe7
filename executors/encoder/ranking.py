"""Queries against candidates: cosines, and probabilities at the model's own logit scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from docarray import DocList

from adjudicate.documents import Candidate, Problem, Ranking
from adjudicate.errors import AdError, Code
from executors.encoder.embedding import Embedded
from executors.encoder.model import Vectors

MAX_CANDIDATES = 1_000
"""Of one query."""
_SLOT = "{}"

Part = Ranking | Candidate


def check(ranking: Ranking) -> None:
    """Set the problems of a ranking and its candidates that can be seen without the model, and put
    the candidates' texts into the template."""
    try:
        _check_one(ranking)
        if not 0 < len(ranking.candidates) <= MAX_CANDIDATES:
            detail = f"{len(ranking.candidates)} candidates; 1 to {MAX_CANDIDATES:,} are allowed"
            raise AdError(Code.INVALID_FIELD, detail)
        if ranking.template and _SLOT not in ranking.template:
            raise AdError(Code.INVALID_FIELD, f"template must hold {_SLOT}")
    except AdError as error:
        ranking.problem = ranking.problem or Problem(code=error.code, detail=error.detail)
    for candidate in ranking.candidates:
        try:
            _check_one(candidate)
        except AdError as error:
            candidate.problem = candidate.problem or Problem(code=error.code, detail=error.detail)


@dataclass
class Thing:
    """One picture or text to embed, and the queries and candidates that it stands for."""

    content: Candidate
    parts: list[Part] = field(default_factory=list)


def things(rankings: Sequence[Ranking]) -> list[Thing]:
    """What is to be embedded. A text that several have, as queries share labels, comes once."""
    pictures: list[Thing] = []
    texts: dict[str, Thing] = {}
    for ranking in rankings:
        if ranking.problem is not None:
            continue
        _gather(ranking, ranking.text, pictures, texts)
        for candidate in ranking.candidates:
            if candidate.problem is None:
                text = candidate.text
                if ranking.template:
                    text = ranking.template.replace(_SLOT, text)
                _gather(candidate, text, pictures, texts)
    return [*pictures, *texts.values()]


def _gather(part: Part, text: str, pictures: list[Thing], texts: dict[str, Thing]) -> None:
    if part.image is not None:
        pictures.append(Thing(Candidate(image=part.image), [part]))
        return
    if text not in texts:
        texts[text] = Thing(Candidate(text=text))
    texts[text].parts.append(part)


def spread(thing: Thing) -> None:
    """Give a thing's problem to all that it stands for."""
    for part in thing.parts:
        part.problem = part.problem or thing.content.problem


def settle(
    ranking: Ranking, embedded: Mapping[int, Embedded], logit_scale: float, version: str
) -> None:
    """Write the scores on the candidates and put the best first. `embedded` is by Python's `id` of
    query or candidate: their own ids are the client's, and may repeat.

    Candidates with a problem come last. Pictures are taken out.
    """
    ranking.encoder_version = version
    query = _rows(embedded.get(id(ranking)))
    for place, candidate in enumerate(ranking.candidates):
        candidate.place, candidate.image = place, None
        rows = _rows(embedded.get(id(candidate)))
        if query is not None and rows is not None:
            # A text that is longer than the model's context is several windows: the best counts.
            candidate.similarity = float((query @ rows.T).max())
    ranking.image = None
    if ranking.problem is not None:
        return
    sound = [one for one in ranking.candidates if one.problem is None]
    logits = logit_scale * np.array([one.similarity for one in sound])
    weights = np.exp(logits - logits.max(initial=-np.inf))
    for candidate, weight in zip(sound, weights / weights.sum() if sound else (), strict=True):
        candidate.probability = float(weight)
    broken = [one for one in ranking.candidates if one.problem is not None]
    sound.sort(key=lambda one: -one.similarity)
    ranking.candidates = DocList[Candidate]([*sound, *broken])


def _check_one(part: Part) -> None:
    if part.image is not None and part.text:
        raise AdError(Code.INVALID_FIELD, "image or text, not both")
    if part.image is None and not part.text.strip():
        raise AdError(Code.AD_EMPTY)


def _rows(embedded: Embedded | None) -> Vectors | None:
    """`[W, D]`: the picture's vector, or the text's windows."""
    if embedded is None:
        return None
    image, text = embedded
    return image[None] if image is not None else text
