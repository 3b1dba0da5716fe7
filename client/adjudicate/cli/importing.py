"""Many exemplars, in requests of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from adjudicate.client import AsyncClient
from adjudicate.documents import Exemplar
from adjudicate.pipeline import REQUEST_BYTES

REQUEST_EXEMPLARS = 32


async def import_exemplars(
    client: AsyncClient, exemplars: Iterable[Exemplar]
) -> tuple[int, list[str]]:
    """Add them; how many were, and a sentence for each that was refused.

    Raises as `AsyncLibrary.add`; what was added before stays.
    """
    added, refused = 0, []
    for group in groups(exemplars):
        for held in await client.library.add(group):
            if held.problem is None:
                added += 1
            else:
                refused.append(f"{held.id}: {held.problem.detail or held.problem.code}")
    return added, refused


def groups(exemplars: Iterable[Exemplar]) -> Iterator[list[Exemplar]]:
    """Requests of up to `REQUEST_EXEMPLARS`, fewer where the pictures are heavy."""
    group: list[Exemplar] = []
    weight = 0
    for exemplar in exemplars:
        group.append(exemplar)
        weight += len(exemplar.image or b"")
        if len(group) == REQUEST_EXEMPLARS or weight >= REQUEST_BYTES:
            yield group
            group, weight = [], 0
    if group:
        yield group
