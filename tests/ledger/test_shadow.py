"""What the shadow thresholds said goes on record beside what was decided."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from docarray import DocList

from adjudicate.documents import Case, Lookup
from executors.ledger.executor import Ledger
from executors.shared import room
from executors.shared.settings import Settings
from tests.services.tables import fresh_sqlite


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setattr(room, "belong_to_supervisor", lambda: None, raising=False)
    opened = Ledger(settings=Settings(database=fresh_sqlite(tmp_path / "adjudicate.db")))
    yield opened
    opened.close()


async def test_a_decision_says_who_would_have_flagged_the_ad(ledger: Ledger) -> None:
    cases = [
        Case(ad_id="both", flagged=True, shadow_flagged=True, versions={"shadow_thresholds": "v9"}),
        Case(ad_id="active", flagged=True, shadow_flagged=False),
        Case(ad_id="shadow", flagged=False, shadow_flagged=True),
        Case(ad_id="none", flagged=False),
        Case(ad_id="sampled", flagged=True, audit=True, shadow_flagged=False),
    ]
    await ledger.review(DocList[Case](cases))
    recorded = await ledger.decision(DocList[Lookup]([Lookup(id="")]), parameters={})
    assert {d.ad_id: (d.flagged, d.shadow_flagged) for d in recorded} == {
        "both": (True, True),
        "active": (True, False),
        "shadow": (False, True),
        "none": (False, None),
        "sampled": (False, False),
    }
    assert next(d for d in recorded if d.ad_id == "both").versions["shadow_thresholds"] == "v9"


async def test_the_shadow_decides_nothing(ledger: Ledger) -> None:
    passed, asked = await ledger.review(
        DocList[Case](
            [
                Case(ad_id="passed", flagged=False, shadow_flagged=True),
                Case(ad_id="asked", flagged=True, shadow_flagged=False),
            ]
        )
    )
    assert passed.outcome == "approve"
    assert asked.outcome == "escalate"  # flagged, and nobody judged it
