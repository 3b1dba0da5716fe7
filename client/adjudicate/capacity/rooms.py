"""What each room and each pool of nodes needs for a load. docs/capacity.md derives each line.

A figure of CPU or GPU is milliseconds of one core or one card per ad; a room that works for
`rate · ms / 1000` seconds in each second needs as many cores, more by the share that is kept free.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from adjudicate.capacity.figures import Figures

ROOMS = ("gateway", "encoder", "library", "judge", "ledger")
GIB = 2**30
VECTOR_BYTES = 6
"""Of one component in the library's memory: float32, and bf16 for the scan (docs/search.md)."""
SEARCH_DIMENSION = 512
"""Of the vectors that `library.search_ms` was measured with."""


@dataclass(frozen=True)
class Room:
    """What one room needs. `cores` has the share that is kept free; memory is of all replicas."""

    replicas: int
    cores: float
    memory_gib: float
    gpus: int = 0

    def times(self, cells: int) -> Room:
        """As often."""
        memory = self.memory_gib * cells
        return Room(self.replicas * cells, self.cores * cells, memory, self.gpus * cells)


@dataclass(frozen=True)
class Nodes:
    """Machines of one kind. `bound`: what there would be too little of with one fewer."""

    count: int
    vcpu: float
    memory_gib: float
    gpus: int
    bound: str

    def times(self, cells: int) -> Nodes:
        """As often."""
        return Nodes(self.count * cells, self.vcpu, self.memory_gib, self.gpus, self.bound)


def judged_share(figures: Figures) -> float:
    """Of the ads, those that the judge's model sees: flagged or audited, and not cached."""
    flagged, audited = figures["workload.flagged_share"], figures["workload.audit_share"]
    return (flagged + (1 - flagged) * audited) * (1 - figures["workload.cached_share"])


def cpu_ms(room: str, figures: Figures) -> float:
    """CPU of one ad in a room; of the judge, of an ad that it sees."""
    parts = (f"{room}.cpu_ms", f"{room}.picture_ms", f"{room}.model_cpu_ms")
    spent = sum(figures.get(part, 0.0) for part in parts)
    if room == "library":
        scanned = figures["library.exemplars"] * figures["library.scans_per_ad"] / 1e6
        wide = figures["library.dimension"] / SEARCH_DIMENSION
        spent += scanned * wide * figures["library.search_ms"]
    return spent


def memory_gib(room: str, figures: Figures) -> float:
    """Of one replica; the library's has a copy of all vectors."""
    held = figures[f"{room}.memory_gib"]
    if room == "library":
        vectors = figures["library.exemplars"] * figures["library.vectors_per_exemplar"]
        held += vectors * figures["library.dimension"] * VECTOR_BYTES / GIB
    return held


def busy(rate: float, ms: float, figures: Figures) -> float:
    """Cores or cards for so many ads a second, with the share that is kept free."""
    return rate * ms / 1_000 / figures["plan.utilisation"]


def on_gpus(room: str, figures: Figures) -> bool:
    """Whether its model is on a GPU of ours."""
    return figures.get(f"{room}.gpu_ms", 0.0) > 0


def gpu_room(room: str, rate: float, figures: Figures) -> tuple[Room, Nodes]:
    """A room with a replica on each card, on nodes of its own: cards for the model, and the CPU
    beside them for the pictures, whichever takes more."""
    node = f"{room}_node"
    cards = int(figures[f"{node}.gpus"])
    rate *= judged_share(figures) if room == "judge" else 1.0
    cores = busy(rate, cpu_ms(room, figures), figures)
    beside = figures[f"{node}.vcpu"] * figures["plan.node_share"]
    needs = {
        "GPU": ceil(busy(rate, figures[f"{room}.gpu_ms"], figures) / cards),
        "CPU": ceil(cores / beside),
    }
    count, bound = _most(needs, figures[f"{node}.spare"], figures[f"{room}.least"] / cards)
    replicas = count * cards
    memory = replicas * memory_gib(room, figures)
    nodes = Nodes(count, figures[f"{node}.vcpu"], figures[f"{node}.memory_gib"], cards, bound)
    return Room(replicas, cores, memory, replicas), nodes


def cpu_room(room: str, rate: float, figures: Figures) -> Room:
    """A room without a GPU of ours."""
    rate *= judged_share(figures) if room == "judge" else 1.0
    cores = busy(rate, cpu_ms(room, figures), figures)
    replicas = max(ceil(cores / figures[f"{room}.cores"]), int(figures[f"{room}.least"]))
    return Room(replicas, cores, replicas * memory_gib(room, figures))


def cpu_nodes(rooms: Iterable[Room], figures: Figures) -> Nodes:
    """The nodes of all rooms without a GPU."""
    here = list(rooms)
    vcpu, memory = figures["cpu_node.vcpu"], figures["cpu_node.memory_gib"]
    share = figures["plan.node_share"]
    needs = {
        "CPU": ceil(sum(room.cores for room in here) / (vcpu * share)),
        "memory": ceil(sum(room.memory_gib for room in here) / (memory * share)),
    }
    count, bound = _most(needs, figures["cpu_node.spare"], 0)
    return Nodes(count, vcpu, memory, 0, bound)


def _most(needs: dict[str, int], spare: float, least: float) -> tuple[int, str]:
    bound = max(needs, key=lambda what: needs[what])
    count = max(needs[bound], 1) + int(spare)
    return (count, bound) if count >= least else (ceil(least), "replicas")
