"""Thresholds through the real Flow: versions over each protocol, calibration, shadow, roll back."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from adjudicate import AsyncClient, Client
from adjudicate.cli.app import app
from adjudicate.documents import ThresholdVersion
from adjudicate.errors import Code, RequestError
from models.render import load_claims, render
from tests.e2e.conftest import sample_ad, sample_rows
from tests.e2e.service import Service

ELSEWHERE = "an encoder that does not run here"
"""Versions for it are in nobody's way."""


def version(cure: float, state: str = "shadow") -> ThresholdVersion:
    content = json.dumps({"image": {"cure": cure, "disease": None}})
    return ThresholdVersion(
        encoder_version=ELSEWHERE, content=content, state=state, note="by hand", created_by="mei"
    )


async def test_versions_over_each_protocol(client: AsyncClient, protocol: str) -> None:
    cure = {"grpc": 0.51, "http": 0.52, "ws": 0.53}[protocol]
    added = await client.thresholds.add(version(cure, "active"))
    assert (added.state, added.created_by) == ("active", "mei")
    content = json.loads(added.content)
    assert content["image"] == {"cure": cure, "disease": None}
    listed = {held.id: held for held in await client.thresholds.list()}
    assert listed[added.id].content == added.content
    assert [held.state for held in listed.values()][-1] == "file"
    assert (await client.thresholds.get(str(added.id)[:6])).id == added.id
    retired = await client.thresholds.set(str(added.id), "retired", by="jo", note="a trial")
    assert (retired.state, retired.changed_by) == ("retired", "jo")
    assert retired.note == "by hand\na trial"


async def test_what_cannot_be_is_refused_alike_over_each_protocol(client: AsyncClient) -> None:
    wrong = version(0.5)
    wrong.content = '{"image": {"cure": 2}}'
    with pytest.raises(RequestError, match=r"image\.cure") as refused:
        await client.thresholds.add(wrong)
    assert refused.value.code is Code.INVALID_FIELD
    with pytest.raises(RequestError) as missing:
        await client.thresholds.get("0123456789ab")
    assert missing.value.code is Code.NOT_FOUND
    with pytest.raises(RequestError) as missing:
        await client.thresholds.set("0123456789ab", "active")
    assert missing.value.code is Code.NOT_FOUND


async def test_a_search_gives_the_best_of_each_category(client: AsyncClient) -> None:
    row = next(row for row in sample_rows() if row["id"] == "ad-01")
    (found,) = await client.search([sample_ad(row)], per_category=True)
    keys = [(match.signal, match.category) for match in found.matches]
    assert len(keys) == len(set(keys))
    categories = {category for _, category in keys}
    assert len(categories) == 8
    assert {signal for signal, _ in keys} == {"image", "image-text"}, "the ad has no copy"
    assert found.versions["encoder"].startswith("clip-")
    (nearest,) = await client.search([sample_ad(row)], limit=160)
    best = max(match.similarity for match in nearest.matches if match.signal == "image")
    assert max(m.similarity for m in found.matches if m.signal == "image") == pytest.approx(best)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Renders of two categories and of compliant claims, one row that cannot be read."""
    folder = tmp_path_factory.mktemp("labelled")
    rng = np.random.default_rng(7)
    claims = [claim for claim in load_claims() if claim.category in ("cure", "safety", "")]
    with (folder / "labelled.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "group"])
        for number, claim in enumerate(claims * 2):
            name = f"{number}.jpg"
            render(claim, rng, 256).image.save(folder / name)
            writer.writerow([name, claim.category or "compliant", claim.id])
        writer.writerow(["none.jpg", "cure", ""])
    return folder / "labelled.csv"


@pytest.fixture
def shadow(service: Service, labelled: Path, tmp_path: Path) -> Iterator[str]:
    """A calibrated version, as shadow; retired afterwards."""
    arguments = ["calibrate", str(labelled), "--min-examples", "8", "--target-recall", "0.8"]
    arguments += ["--out", str(tmp_path / "out"), "--by", "mei", "--url", service.urls["http"]]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1, result.output  # one row cannot be read
    assert "row 102: " in result.output
    with Client(service.urls["grpc"]) as client:
        (made,) = [held for held in client.thresholds.list() if held.state == "shadow"]
        assert f"version {made.id} is shadow" in result.output
        yield str(made.id)
        client.thresholds.set(str(made.id), "retired")


def test_calibrated_thresholds_are_watched_and_can_be_rolled_back(
    service: Service, shadow: str, tmp_path: Path
) -> None:
    assert (tmp_path / "out" / "report.html").stat().st_size > 50_000
    assert (tmp_path / "out" / "curves.png").read_bytes().startswith(b"\x89PNG")
    ads = [sample_ad(row) for row in sample_rows()[:12]]
    with Client(service.urls["grpc"]) as client:
        made = client.thresholds.get(shadow)
        content = json.loads(made.content)
        file = json.loads(client.thresholds.get("file").content)
        signals = ("image", "image-text")
        assert [content[s].get("cure") for s in signals] != [file[s].get("cure") for s in signals]
        assert content["image"]["disease"] == file["image"]["disease"], "it has no examples"
        assert json.loads(made.metrics)["target_recall"] == 0.8
        watched = client.review_all(ads)
        assert all(d.shadow_flagged is not None for d in watched)
        assert {d.versions["shadow_thresholds"] for d in watched} == {shadow}
        recorded = client.decision(str(watched[0].id))
        assert recorded.shadow_flagged == watched[0].shadow_flagged
        assert sum(count for name, count in _library(client).counters.items() if "shadow" in name)

        result = CliRunner().invoke(
            app, ["thresholds", "compare", "--url", service.urls["ws"], "--samples", "3"]
        )
        assert f"12 decisions beside shadow version {shadow}" in result.output

        client.thresholds.set(shadow, "active")
        assert client.review_all(ads[:1])[0].versions["thresholds"] == shadow
        assert client.review_all(ads[:1])[0].shadow_flagged is None
        client.thresholds.set(shadow, "retired")
        assert client.review_all(ads[:1])[0].versions["thresholds"] != shadow


def _library(client: Client) -> object:
    return next(room for room in client.status() if room.room == "library")
