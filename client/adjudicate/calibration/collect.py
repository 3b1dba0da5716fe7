"""Labelled ads through the running service: how alike each is to each category."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from adjudicate.answers import SearchResult
from adjudicate.calibration.labelled import Labelled
from adjudicate.client import AsyncClient
from adjudicate.errors import Code, ServiceError

REQUEST_ADS = 16
REQUESTS = 4
"""Under way at a time."""

Row = dict[tuple[str, str], float]
"""An ad's best cosine by (category, signal)."""


@dataclass
class Collected:
    """What the service said of the rows, in their order."""

    rows: list[Labelled] = field(default_factory=list)
    similarity: list[Row] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """A sentence per row that could not be used."""
    encoder: str = ""
    """Version of the encoder that all were embedded with."""

    @property
    def categories(self) -> list[str]:
        """Of which the library holds a violation, by name."""
        return sorted({category for row in self.similarity for category, _ in row})


async def collect(
    client: AsyncClient, labelled: Iterable[Labelled], advance: Callable[[int], object]
) -> Collected:
    """Search for every ad; `advance` gets the number of rows that were finished.

    Raises `RequestError` and `ServiceError` as the client does, the latter also when the encoder
    was exchanged under way.
    """
    collected = Collected()
    left = iter(labelled)
    # Pictures are read as they are sent: a labelled set need not fit into the memory.
    while window := list(islice(left, REQUEST_ADS * REQUESTS)):
        sound = [one for one in window if one.ad.problem is None]
        parts = [sound[at : at + REQUEST_ADS] for at in range(0, len(sound), REQUEST_ADS)]
        found = await asyncio.gather(
            *(client.search([one.ad for one in part], per_category=True) for part in parts)
        )
        results = {
            one.row: result
            for part, answers in zip(parts, found, strict=True)
            for one, result in zip(part, answers, strict=True)
        }
        for one in window:
            _take(collected, one, results.get(one.row))
        advance(len(window))
    return collected


def _take(collected: Collected, one: Labelled, result: SearchResult | None) -> None:
    problem = one.ad.problem if result is None else result.problem
    if problem is not None:
        collected.refused.append(f"row {one.row}: {problem.detail or problem.code}")
        return
    assert result is not None
    encoder = result.versions.get("encoder", "")
    if collected.encoder and encoder != collected.encoder:
        detail = "The encoder was exchanged while the ads were searched; run it again."
        raise ServiceError(Code.INTERNAL, detail)
    collected.encoder = encoder
    # The picture is not needed any more.
    collected.rows.append(
        Labelled(
            one.row,
            one.ad.model_copy(update={"image": None}),
            one.violating,
            one.category,
            one.group,
        )
    )
    collected.similarity.append(
        {(match.category, match.signal): match.similarity for match in result.matches}
    )
