"""What a process and its machine use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest
import torch

from executors.shared.settings import ROOT
from executors.shared.telemetry import system
from executors.shared.telemetry.system import Gpu, System
from executors.shared.telemetry.usage import folder_of


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Each test finds its own cards."""
    system._cards.cache_clear()
    yield
    system._cards.cache_clear()


def test_a_reading_is_of_this_process_and_the_folders_disk(tmp_path: Path) -> None:
    usage = System(tmp_path)
    with (tmp_path / "open").open("w"):
        before = usage.read().open_files
    reading = usage.read()
    assert reading.open_files == before - 1
    assert reading.memory == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    disk = psutil.disk_usage(str(tmp_path))
    assert reading.disk_used + reading.disk_free <= disk.total
    assert reading.disk_free == pytest.approx(disk.free, rel=0.05)


def test_the_cpu_is_that_since_the_last_reading(tmp_path: Path) -> None:
    usage = System(tmp_path)
    usage.read()
    until = sum(os.times()[:2]) + 0.2
    while sum(os.times()[:2]) < until:
        pass
    assert usage.read().cpu > 0


def test_a_folder_that_is_not_there_yet_is_on_its_parents_disk(tmp_path: Path) -> None:
    assert System(tmp_path / "data" / "later").read().disk_free > 0


@pytest.mark.parametrize(
    ("database", "folder"),
    [
        ("sqlite:////var/lib/adjudicate/a.db", Path("/var/lib/adjudicate")),
        ("sqlite:///:memory:", ROOT),
        ("postgresql://user:secret@host/db", ROOT),
        ("not a url", ROOT),
    ],
)
def test_the_disk_is_that_of_the_database_where_it_is_a_file(database: str, folder: Path) -> None:
    assert folder_of(database) == folder


def test_without_a_driver_there_are_no_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(pynvml, "nvmlInit", refuse)
    assert System(tmp_path).read().gpus == ()


class FakeNvml:
    """Answers as the driver does for a card, for one that is split (MIG), and for a lost one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lost: set[int] = set()
        self.starts = 0
        for name in (
            *("nvmlInit", "nvmlDeviceGetCount", "nvmlDeviceGetHandleByIndex", "nvmlDeviceGetName"),
            *("nvmlDeviceGetUUID", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetUtilizationRates"),
            "nvmlDeviceGetTemperature",
        ):
            monkeypatch.setattr(pynvml, name, getattr(self, name))

    def nvmlInit(self) -> None:
        self.starts += 1

    def nvmlDeviceGetCount(self) -> int:
        return 3

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, card: int) -> str:
        return "NVIDIA H200"

    def nvmlDeviceGetUUID(self, card: int) -> str:
        return f"GPU-{card}"

    def nvmlDeviceGetMemoryInfo(self, card: int) -> Any:
        if card in self.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return SimpleNamespace(used=10, total=100)

    def nvmlDeviceGetUtilizationRates(self, card: int) -> Any:
        if card == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=75)

    def nvmlDeviceGetTemperature(self, card: int, sensor: int) -> int:
        if card == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return 41


def test_each_card_says_what_it_can_and_a_lost_one_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = FakeNvml(monkeypatch)
    nvml.lost.add(2)
    usage = System(tmp_path)
    assert usage.read().gpus == (
        Gpu("GPU-0", "NVIDIA H200", 0.75, 10, 100, 41.0),
        Gpu("GPU-1", "NVIDIA H200", None, 10, 100, None),
    )
    nvml.lost.clear()
    assert len(usage.read().gpus) == 3
    assert nvml.starts == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_cards_of_this_machine_are_read(tmp_path: Path) -> None:
    cards = System(tmp_path).read().gpus
    assert cards
    assert all(0 < card.memory_total >= card.memory_used >= 0 for card in cards)
    assert len({card.id for card in cards}) == len(cards)
