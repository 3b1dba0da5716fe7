"""From one encoder to another without a gap: the old one serves until the new one is complete."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch

from adjudicate.client import AsyncClient
from adjudicate.documents import Ad, Decision
from adjudicate.images import EncodedImage
from adjudicate.transfer.importing import import_exemplars
from adjudicate.transfer.reading import rows_at
from executors.encoder.model import load
from executors.reembed import Reembedding
from executors.shared.settings import EncoderSettings
from tests.e2e.conftest import SAMPLES
from tests.e2e.service import ROOT, Service
from tests.encoder.random_clip import SMALL, save_random

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HELD = 40
"""Of the sample exemplars."""


class Upgrade:
    """Two random encoders, and a service with either on one database."""

    def __init__(self, folder: Path) -> None:
        self.old = save_random(folder / "old", SMALL, torch.float16)
        self.new = save_random(folder / "new", {**SMALL, "embed_dim": 48}, torch.float16)
        self.database = f"sqlite:///{folder / 'adjudicate.db'}"
        self._folder = folder
        self._running: list[Service] = []

    def serve(self, encoder: Path) -> Service:
        folder = self._folder / f"serving-{encoder.name}"
        folder.mkdir()
        settings = {"ADJUDICATE_DATABASE": self.database, "ADJUDICATE_ENCODER__MODEL": str(encoder)}
        service = Service(folder, settings)
        self._running.append(service)
        service.start()
        service.wait_until_ready()
        return service

    def cli(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "adjudicate", "library", *arguments],
            cwd=ROOT,
            env={**os.environ, "ADJUDICATE_DATABASE": self.database},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self) -> None:
        for service in self._running:
            service.stop()


@pytest.fixture
def upgrade(tmp_path: Path) -> Iterator[Upgrade]:
    running = Upgrade(tmp_path)
    yield running
    running.stop()


def copies(number: int) -> list[Ad]:
    """The first exemplars' pictures as ads."""
    pictures = sorted((SAMPLES / "exemplars").glob("cure-1-*.jpg"))[:number]
    return [Ad(id=path.name, image=EncodedImage(path.read_bytes())) for path in pictures]


def screened(decision: Decision) -> bool:
    return decision.outcome == "reject" and bool(decision.matches)


async def test_an_encoder_is_replaced_while_the_other_serves(upgrade: Upgrade) -> None:
    old = upgrade.serve(upgrade.old)
    async with AsyncClient(old.urls["grpc"]) as client:
        report = await import_exemplars(client, islice(rows_at(SAMPLES / "exemplars", {}), HELD))
        assert (report.added, report.refused) == (HELD, 0)
        assert all(map(screened, await client.review_all(copies(4))))

    begun = Reembedding(upgrade.database, {"model": str(upgrade.new)})
    assert (begun.total, begun.missing) == (HELD, HELD)
    next(begun.run(10))
    begun.close()  # as if it had been stopped

    new = upgrade.serve(upgrade.new)
    async with AsyncClient(new.urls["http"]) as client:
        for decision in await client.review_all(copies(2)):
            assert decision.problem is not None
            assert (decision.outcome, decision.problem.code) == ("error", "library_stale")
            assert "adjudicate library reembed" in decision.problem.detail

    planned = upgrade.cli("reembed", "--model", str(upgrade.new), "--dry-run")
    said, _ = planned.communicate(timeout=120)
    assert f"{HELD - 10} of {HELD} exemplars to embed" in said

    work = upgrade.cli("reembed", "--model", str(upgrade.new), "--batch", "2")
    async with AsyncClient(old.urls["grpc"]) as client:
        meanwhile = 0
        while work.poll() is None:
            assert all(map(screened, await client.review_all(copies(4))))
            meanwhile += 1
    said, errors = work.communicate()
    assert work.returncode == 0, errors
    assert meanwhile > 0
    assert f"ADJUDICATE_ENCODER__MODEL={upgrade.new}" in said

    async with AsyncClient(new.urls["http"]) as client:
        assert all(map(screened, await client.review_all(copies(4))))
        facts = {room.room: room.facts for room in await client.status()}["library"]
        assert facts["encoders"].count(f"{HELD} of {HELD}") == 2
    async with AsyncClient(old.urls["grpc"]) as client:
        assert all(map(screened, await client.review_all(copies(4))))

    version = load(EncoderSettings(model=str(upgrade.old))).version
    dropped = upgrade.cli("encoders", "--drop", version)
    assert dropped.communicate(timeout=120)[0] == f"{HELD} embeddings deleted\n"
    async with AsyncClient(new.urls["http"]) as client:
        assert all(map(screened, await client.review_all(copies(4))))
