"""Active against shadow, by the decisions on record."""

from adjudicate.client import AsyncClient
from adjudicate.documents import Decision
from adjudicate.shadow import Comparison, compare
from tests.client.fake import FakeService


def decision(
    name: str, flagged: bool, shadow: bool | None, outcome: str, **more: object
) -> Decision:
    versions = {"shadow_thresholds": "v1"} if shadow is not None else {}
    fields = {"versions": versions, **more}
    return Decision(
        id=name, ad_id=name, flagged=flagged, shadow_flagged=shadow, outcome=outcome, **fields
    )


DECISIONS = [
    decision("d1", True, True, "reject"),
    decision("d2", True, False, "reject"),
    decision("d3", True, False, "approve"),
    decision("d4", False, True, "approve"),
    decision("d5", False, True, "reject", audit=True, judged=True),
    decision("d6", False, False, "approve"),
    decision("d7", True, None, "reject"),
    decision("d8", True, False, "error"),
]


def test_the_two_by_two_table_and_what_would_be_missed() -> None:
    found = Comparison()
    for one in DECISIONS:
        found.add(one)
    assert (found.both, found.neither, found.ads) == (1, 1, 6)
    assert dict(found.active_only) == {"reject": 1, "approve": 1}
    assert dict(found.shadow_only) == {"approve": 1, "reject": 1}
    assert found.missed == ["d2"]
    assert found.added == ["d4", "d5"]
    assert (found.judged_now, found.judged_then) == (3, 3)
    assert (found.audited, found.audited_violations) == (1, 1)


async def test_only_decisions_beside_that_shadow_are_read(service: FakeService, url: str) -> None:
    others = [
        decision("old", True, False, "reject", versions={"shadow_thresholds": "v0"}),
        decision("new", True, True, "reject"),
    ]
    service.decided = {str(one.id): one for one in others}
    async with AsyncClient(url) as client:
        found = await compare(client, {"v1"}, last=100)
        assert (found.ads, found.both) == (1, 1)
        assert (await compare(client, {"v0"}, last=100)).missed == ["old"]
        assert (await compare(client, {"v2"}, last=100)).ads == 0
