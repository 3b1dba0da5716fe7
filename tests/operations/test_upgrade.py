"""The rehearsal of docs/operations.md: another release with another encoder, judge, policy and
thresholds beside the one that serves, on one PostgreSQL; traffic moved there, back, and there again
while clients review on all three protocols. Every ad is decided once, as its version decides."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from sqlalchemy import create_engine, text

from adjudicate import Ad, AsyncClient, Exemplar
from adjudicate.documents import ThresholdVersion
from adjudicate.images import EncodedImage
from executors.library.embeddings import EmbeddingStore
from executors.library.store import ExemplarStore
from executors.shared.policy import load_policy
from tests.operations.next_release import (
    MARK,
    REVISION,
    TITLE,
    environment,
    make_next_release,
)
from tests.operations.side_by_side import (
    MOVING,
    START_S,
    WAIT_S,
    Answer,
    Entrance,
    Load,
    Version,
    from_each_protocol,
    log_lines,
    make_key,
    stopped_at_the_end,
)
from tests.services.nginx import Nginx, NoNginx

# Ten processes load models: about a minute on two quiet cores.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]

ROOT = Path(__file__).resolve().parents[2]
EXEMPLARS = ROOT / "samples" / "exemplars"
KNOWN, LATER = "safety-1-1.jpg", "safety-2-1.jpg"
"""Pictures of exemplars: one is in the library from the start, one comes while both serve."""

SAID = {
    "superlative": "Best pain relief ever",
    "diet": "Lose weight, no diet",
    "plain": "New lemon flavour",
}
DECIDED = {
    # kind: outcome and rule by the old version's policy, and by the new one's
    "superlative": {"old": ("reject", "HOUSE-1"), "new": ("approve", "")},
    "diet": {"old": ("approve", ""), "new": ("reject", "HOUSE-3")},
    "plain": {"old": ("approve", ""), "new": ("approve", "")},
    "copy": {"old": ("reject", "HOUSE-2"), "new": ("reject", "HOUSE-2")},
    "later": {"old": ("reject", "HOUSE-2"), "new": ("reject", "HOUSE-2")},
}
OFF = {"old": "HOUSE-3", "new": "HOUSE-1"}
"""The rule that each version's policy does not have in force."""


@dataclass(frozen=True)
class Materials:
    """What the two versions are made of."""

    folder: Path
    tree: Path
    """Of the next release."""
    database: str
    key: str

    def settings(self, name: str) -> dict[str, str]:
        """Of the version."""
        folder = self.folder / name
        return {
            "ADJUDICATE_DATABASE": self.database,
            "ADJUDICATE_ACCESS__MODE": "required",
            "ADJUDICATE_ACCESS__HOST": "127.0.0.1",
            "ADJUDICATE_POLICIES": str(folder / "policies"),
            "ADJUDICATE_ENCODER__MODEL": str(folder / "clip"),
            "ADJUDICATE_JUDGE__MODEL": str(folder / "judge"),
            "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
            **(environment(self.tree) if name == "new" else {}),
        }

    def policy(self, name: str) -> str:
        return load_policy(self.folder / name / "policies").version


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    try:
        with Nginx(tmp_path / "nginx") as server:
            yield server
    except NoNginx as reason:
        pytest.skip(str(reason))


@pytest.fixture
def materials(tmp_path: Path, postgres_url: str) -> Materials:
    for name in ("old", "new"):
        for model in ("clip", "judge"):
            shutil.copytree(ROOT / "models" / model, tmp_path / name / model)
        (tmp_path / name / "policies").mkdir()
        house = (ROOT / "samples" / "policy" / "house.yaml").read_text(encoding="utf-8")
        rule = f"code: {OFF[name]}\n"
        assert rule in house
        edited = house.replace(rule, f"{rule}    enabled: false\n")
        (tmp_path / name / "policies" / "house.yaml").write_text(edited, encoding="utf-8")
    train_a_little(tmp_path / "new" / "clip" / "open_clip_model.safetensors")
    config = tmp_path / "new" / "judge" / "judge_config.json"
    said = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(json.dumps({**said, "temperature": said["temperature"] * 0.9}))
    tree = make_next_release(tmp_path / "next-release")
    return Materials(tmp_path, tree, postgres_url, make_key(postgres_url))


def train_a_little(weights: Path) -> None:
    """Another encoder, whose embeddings are not those of the shipped one."""
    generator = torch.Generator().manual_seed(0)
    moved = {
        name: value * (1 + 1e-3 * torch.randn(value.shape, generator=generator)).to(value.dtype)
        if value.is_floating_point()
        else value
        for name, value in load_file(weights).items()
    }
    save_file(moved, weights)


def picture(name: str) -> EncodedImage:
    return EncodedImage((EXEMPLARS / name).read_bytes())


def exemplar(name: str) -> Exemplar:
    return Exemplar(image=picture(name), category="safety", rule="HOUSE-2", severity="high")


def copy_only(kind: str) -> Any:
    return lambda name: Ad(id=name, text=SAID[kind], market="US", product="food")


def copy_of(picture_name: str) -> Any:
    image = picture(picture_name)
    return lambda name: Ad(id=name, image=image, market="US", product="food")


def command(materials: Materials, name: str, *arguments: str) -> subprocess.Popen[str]:
    """`adjudicate …` of a version, on its settings."""
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("adjudicate")), *arguments],
        cwd=materials.folder,
        env={**os.environ, **materials.settings(name)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def said(process: subprocess.Popen[str]) -> str:
    out, errors = await asyncio.to_thread(process.communicate, timeout=WAIT_S)
    assert process.returncode == 0, errors
    return out


@contextmanager
def embedding(materials: Materials, name: str) -> Iterator[subprocess.Popen[str]]:
    """`adjudicate library reembed --follow` with the encoder of a version."""
    process = command(materials, name, "library", "reembed", "--follow")
    try:
        yield process
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


async def complete(database: str, count: int) -> set[str]:
    """The encoders that have every exemplar, when there are so many."""
    store = ExemplarStore(database)
    embeddings = EmbeddingStore(store.engine)
    try:
        async with asyncio.timeout(START_S):
            while True:
                total, counts = embeddings.exemplars(), embeddings.counts()
                found = {name for name, held in counts.items() if held == total}
                if len(found) >= count:
                    return found
                await asyncio.sleep(0.2)
    finally:
        store.close()


async def set_thresholds(client: AsyncClient, encoder: str, change: float) -> str:
    """Those of the shipped encoder, a little changed, for this one; their version."""
    shipped = yaml.safe_load((ROOT / "models" / "clip" / "thresholds.yaml").read_text())
    shipped.pop("encoder")
    shipped["image"]["safety"] += change
    version = ThresholdVersion(
        encoder_version=encoder, content=json.dumps(shipped), state="active", created_by="mei"
    )
    return str((await client.thresholds.add(version)).id)


def recorded(database: str) -> list[tuple[str, str, dict[str, str], str]]:
    """Ad, outcome, versions and the new column of each decision."""
    engine = create_engine(database)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT ad_id, outcome, versions, made_by FROM decisions"))
        found = [(ad, outcome, json.loads(versions), by) for ad, outcome, versions, by in rows]
    engine.dispose()
    return found


async def test_traffic_moves_to_the_next_version_and_back_without_a_lost_or_wrong_ad(
    materials: Materials, nginx: Nginx
) -> None:
    old = Version("old", materials.folder / "serving-old", materials.settings("old"))
    new = Version(
        "new", materials.folder / "serving-new", materials.settings("new"), materials.tree
    )
    entrance = Entrance(nginx, [old, new])
    names: dict[str, dict[str, str]] = {}
    kinds = {kind: copy_only(kind) for kind in SAID} | {"copy": copy_of(KNOWN)}
    load = Load(entrance.urls, materials.key, kinds)

    def by(name: str, phase: int = MOVING) -> Any:
        return lambda a: a.versions["policy"] == names[name]["policy"] and a.sent_in >= phase

    with stopped_at_the_end(old, new):
        await old.ready()
        async with AsyncClient(old.service.urls["grpc"], api_key=materials.key) as client:
            (held,) = await client.library.add([exemplar(KNOWN)])
            assert held.problem is None
            (encoder,) = await complete(materials.database, 1)
            thresholds = await set_thresholds(client, encoder, 0.001)
        names["old"] = {
            "encoder": encoder, "thresholds": thresholds, "policy": materials.policy("old"),
        }  # fmt: skip
        entrance.weigh(old=1)
        async with load.running():
            await load.until(from_each_protocol(8, by("old")))

            # The tables, the embeddings and the thresholds of the new version; then its rooms.
            dry = await said(command(materials, "new", "database", "prepare", "--dry-run"))
            assert dry == f"{REVISION} {TITLE}\n"
            assert await said(command(materials, "new", "database", "prepare")) == dry
            # No ad comes to it before its encoder's embeddings are there.
            starting = asyncio.ensure_future(new.ready())
            with embedding(materials, "new"), embedding(materials, "old"):
                (another,) = await complete(materials.database, 2) - {encoder}
                async with AsyncClient(old.service.urls["ws"], api_key=materials.key) as client:
                    thresholds = await set_thresholds(client, another, 0.002)
                names["new"] = {
                    "encoder": another,
                    "thresholds": thresholds,
                    "policy": materials.policy("new"),
                }
                await starting
                assert {by("old")(answer) for answer in load.answers} == {True}

                entrance.weigh(old=4, new=1)
                load.phase = 1
                await load.until(from_each_protocol(8, by("new")))
                # What is added meanwhile counts in both, whichever it reaches.
                async with AsyncClient(entrance.urls["http"], api_key=materials.key) as client:
                    (held,) = await client.library.add([exemplar(LATER)])
                assert held.problem is None
                load.kinds["later"] = copy_of(LATER)
                entrance.weigh(old=1, new=1)
                for name in ("old", "new"):
                    await load.until(
                        from_each_protocol(3, lambda a, n=name: a.kind == "later" and by(n)(a))
                    )
                entrance.weigh(new=1)
                load.phase = 2
                await load.until(from_each_protocol(8, by("new", 2)))

                # Something is wrong with it: back.
                entrance.weigh(old=1)
                load.phase = 3
                await load.until(from_each_protocol(8, by("old", 3)))
                # Each release reads what the other one has decided.
                other = next(a.decision for a in load.answers if by("new")(a))
                async with AsyncClient(old.service.urls["grpc"], api_key=materials.key) as client:
                    seen = await client.decision(str(other.id))
                assert (seen.outcome, seen.versions) == (other.outcome, other.versions)

                # Found and mended: over again, and the old version ends.
                entrance.weigh(new=1)
                load.phase = 4
                await load.until(from_each_protocol(8, by("new", 4)))
                assert await asyncio.to_thread(old.service.stop) == 0
            load.phase = 5
            await load.until(from_each_protocol(8, by("new", 5)))
        assert await asyncio.to_thread(new.service.stop) == 0

    assert_each_is_right(load.answers, names)
    assert_moved_when_told(load.answers, by)
    assert sorted(answer.decision.ad_id for answer in load.answers) == sorted(load.sent)
    rows = recorded(materials.database)
    assert sorted(row[0] for row in rows) == sorted(load.sent)
    outcomes = {answer.decision.ad_id: answer.decision.outcome for answer in load.answers}
    for ad, outcome, versions, mark in rows:
        assert outcome == outcomes[ad]
        assert (mark == MARK) == (versions["policy"] == names["new"]["policy"])
    for version in (old, new):
        loud = [line for line in log_lines(version.service.log) if line["level"] == "error"]
        assert loud == []
        assert not re.search(r"stopped before", version.service.output())


def assert_each_is_right(answers: list[Answer], names: dict[str, dict[str, str]]) -> None:
    """Each decision names one version throughout, and is what that version decides."""
    judges: dict[str, set[str]] = {"old": set(), "new": set()}
    for answer in answers:
        versions = answer.versions
        (name,) = [n for n, own in names.items() if versions.items() >= own.items()]
        decision = answer.decision
        assert decision.problem is None
        assert (decision.outcome, decision.rule) == DECIDED[answer.kind][name], decision
        if decision.judged:
            judges[name].add(versions["judge"])
    assert [len(found) for found in judges.values()] == [1, 1]
    assert not judges["old"] & judges["new"]


def assert_moved_when_told(answers: list[Answer], by: Any) -> None:
    """What was sent after traffic had moved went where it was moved to, but for WebSockets that
    were open: they stay with the version that they came to until it ends."""
    for answer in answers:
        if answer.protocol == "ws" and answer.sent_in < 5:
            continue
        if answer.sent_in in (2, 4, 5):
            assert by("new")(answer)
        if answer.sent_in in (0, 3):
            assert by("old")(answer)
