"""The peak memory of one batch of the judge, predicted and measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from PIL import Image

from benchmarks._resident import in_fresh_process, peak_bytes
from executors.judge.backend import ALWAYS, NEVER, Question
from executors.judge.qwen.engine import Engine
from executors.judge.qwen.inputs import Prepared
from executors.judge.qwen.peak import Attention, Shape, predict_bytes
from executors.shared.passes import OutOfMemory
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, JudgeSettings, Precision


@dataclass(frozen=True)
class Case:
    """One batch on one model."""

    name: str
    folder: str
    ads: tuple[tuple[int, int], ...]
    """Side of the square picture in pixels, 0 without one, and words of the copy."""
    rules: int = 8
    written: bool = False
    """Whether every ad gets an answer."""
    precision: Precision = "fp32"
    attention: Attention = "sdpa"
    device: str = "cpu"
    fresh_prefix: bool = False
    """Whether the batch computes the shared prefix, instead of finding it."""


@dataclass(frozen=True)
class Peak:
    """Bytes beyond the weights."""

    predicted: int
    measured: int

    @property
    def ratio(self) -> float:
        """Predicted to measured."""
        return self.predicted / self.measured


def measured_apart(case: Case) -> Peak:
    """`measured_here` in a fresh process."""
    return Peak(**in_fresh_process("benchmarks._peak", asdict(case)))


def measured_here(case: Case) -> Peak:
    """The peak of one batch in this process, after a small one to warm up.

    Raises `MemoryError` if the memory does not hold the batch as one.
    """
    engine = Engine(
        JudgeSettings(
            model=case.folder,
            device=case.device,
            precision=case.precision,
            attention=case.attention,
            max_pixels=2**40,
            max_batch=len(case.ads),
            memory_share=1.0,
        )
    )
    device = engine.loaded.device
    shape = Shape.of(
        engine.loaded.model.config,
        engine.loaded.precision,
        case.attention,
        "cuda" if device.type == "cuda" else "cpu",
    )
    rows = _rows(engine, case, case.ads)
    _run(engine, _rows(engine, case, [(56, 4)] * 2))
    if case.fresh_prefix:
        engine._cache.clear()
    before = engine.counters()["batches"]
    measured = peak_bytes(device, lambda: _run(engine, rows))
    if engine.counters()["batches"] != before + 1:
        raise MemoryError(f"{case.name}: there is too little memory for the batch as a whole")
    return Peak(predict_bytes(shape, [row.load for row in rows]), measured)


def _rows(engine: Engine, case: Case, ads: Sequence[tuple[int, int]]) -> list[Prepared]:
    """Ads that all differ, as those of a batch do: their answers end at different steps."""
    rules = tuple(load_policy(ROOT / "policies").rules.values())
    words = " ".join(example.text for rule in rules for example in rule.examples).split()
    return [
        engine.prepare(
            Question(
                market="any",
                copy=" ".join(words[place : place + count]),
                image=_picture(side),
                rules=rules[: case.rules],
                explain_above=ALWAYS if case.written else NEVER,
            )
        )
        for place, (side, count) in enumerate(ads)
    ]


def _picture(side: int) -> Image.Image | None:
    return Image.effect_noise((side, side), 60).convert("RGB") if side else None


def _run(engine: Engine, rows: Sequence[Prepared]) -> None:
    for opinion in engine.opinions(rows):
        if isinstance(opinion, OutOfMemory):
            raise opinion


if __name__ == "__main__":
    given = json.load(sys.stdin)
    given["ads"] = tuple(tuple(ad) for ad in given["ads"])
    print(json.dumps(asdict(measured_here(Case(**given)))))
