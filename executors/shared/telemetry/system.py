"""What the machine and this process have and use at the moment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pynvml  # type: ignore[import-untyped]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gpu:
    """One card, by NVML."""

    id: str
    """Its UUID."""
    name: str
    utilization: float | None
    """0 to 1; None where the card does not say, as one that is split into several (MIG)."""
    memory_used: int
    memory_total: int
    """Bytes."""
    temperature: float | None
    """Degrees Celsius."""


@dataclass(frozen=True)
class Reading:
    """At one moment; bytes, and 1 for one core."""

    cpu: float
    memory: int
    open_files: int
    disk_used: int
    disk_free: int
    gpus: tuple[Gpu, ...] = ()


class System:
    """Reads this process, the disk that `folder` is on, and the cards that NVML shows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first says 0: there is nothing that it is since

    def read(self) -> Reading:
        """A reading; `cpu` is since the last one. Takes about a millisecond."""
        with self._process.oneshot():
            cpu = self._process.cpu_percent() / 100
            memory = self._process.memory_info().rss
            files = self._process.num_fds()
        disk = psutil.disk_usage(str(_existing(self._folder)))
        return Reading(cpu, memory, files, disk.used, disk.free, tuple(_gpus()))


def _existing(folder: Path) -> Path:
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if each.exists())


@lru_cache(maxsize=1)
def _cards() -> tuple[Any, ...]:
    """NVML's handles, once per process; none without a driver."""
    try:
        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        return tuple(pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(count))
    except pynvml.NVMLError as error:
        logger.debug("no GPU is shown: %s", error)
        return ()


def _gpus() -> Iterator[Gpu]:
    for card in _cards():
        try:
            memory = pynvml.nvmlDeviceGetMemoryInfo(card)
            yield Gpu(
                id=_text(pynvml.nvmlDeviceGetUUID(card)),
                name=_text(pynvml.nvmlDeviceGetName(card)),
                utilization=_said(_utilization, card),
                memory_used=int(memory.used),
                memory_total=int(memory.total),
                temperature=_said(_temperature, card),
            )
        except pynvml.NVMLError as error:  # such as a card that fell off the bus
            logger.debug("a GPU cannot be read: %s", error)


def _utilization(card: Any) -> float:
    return int(pynvml.nvmlDeviceGetUtilizationRates(card).gpu) / 100


def _temperature(card: Any) -> float:
    return float(pynvml.nvmlDeviceGetTemperature(card, pynvml.NVML_TEMPERATURE_GPU))


def _said(read: Callable[[Any], float], card: Any) -> float | None:
    try:
        return read(card)
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
