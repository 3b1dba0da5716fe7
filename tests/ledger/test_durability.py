"""Ledgers and gateways that are killed under load lose nothing and double nothing."""

from pathlib import Path

import pytest

from benchmarks.durability import measure

KILLS = 10


@pytest.mark.slow(
    "starts a Flow of seven processes, and one of them anew ten times: a minute or two"
)
@pytest.mark.timeout(900)
def test_what_is_acknowledged_survives_ten_kills(tmp_path: Path) -> None:
    rows = {row["name"]: row for row in measure(tmp_path, KILLS, seed=7)}
    assert sum(row["value"] for name, row in rows.items() if name.startswith("kills")) >= KILLS
    assert rows["ads acknowledged"]["value"] > KILLS
    assert [row for row in rows.values() if row["holds"] is False] == []
