"""Train the embedded judge from nothing: `python -m models.train_judge --minutes 60 --out DIR`.

Three stages on pictures rendered on the fly. The vision tower first learns to read (which
character, word and claim stands where); then the language model learns the answers on frozen
features; then all of it together. A checkpoint that serves is written whenever validation does not
get worse.
"""

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.judge_training.ads import TrainingAd, corpus, training_ad
from models.judge_training.augment import augment
from models.judge_training.batches import Batcher, TokenBatch
from models.judge_training.export import export
from models.judge_training.language import Language
from models.judge_training.measure import Example, report
from models.judge_training.network import build_model, build_processor
from models.judge_training.optimizer import Optimizer
from models.judge_training.renders import CHARS, CLAIMS, WORDS, Ring, make_sample
from models.judge_training.tokenizer import build_tokenizer
from models.judge_training.tower import Reading, ReadingHeads, Tower, patches
from models.render.claims import Claim

VOCABULARY = 1024
_LABEL_WEIGHT = 3.0
_READING_WEIGHT = 0.5


@dataclass(frozen=True)
class Plan:
    """When each stage ends, as shares of the time, and how much each step sees."""

    minutes: float
    reading_until: float = 0.48
    language_until: float = 0.59
    clutter_from: float = 0.12
    clutter_until: float = 0.32
    plain_until: float = 0.28
    pictures: int = 32
    spoken_pictures: int = 24
    copies: int = 9
    slots: int = 4_000
    fresh: float = 0.45
    unknown: float = 0.06
    evaluate_every_s: float = 180.0

    def clutter(self, share: float) -> float:
        ramp = (share - self.clutter_from) / (self.clutter_until - self.clutter_from)
        return min(max(ramp, 0.0), 1.0)

    def pages(self, share: float) -> float:
        """The share of new pictures that are pages of text."""
        return min(max(1.0 - (share - 0.08) / 0.1, 0.0), 1.0)

    def whole(self, share: float) -> float:
        """The weight of words and claims while the tower learns to read."""
        return min(max(0.1 + (share - 0.05) / 0.12, 0.1), 1.0)

    def plain(self, share: float) -> float:
        """The share of pictures shown dark on light: nearly all at first, none later."""
        return 0.9 * min(max(1.0 - (share - 0.05) / (self.plain_until - 0.05), 0.0), 1.0)

    def stage(self, share: float) -> int:
        return 1 if share < self.reading_until else 2 if share < self.language_until else 3

    def rate(self, share: float, step: int) -> float:
        """The learning rate: each stage warms up over 50 of its steps and falls by a cosine."""
        start, end, high, low = {
            1: (0.0, self.reading_until, 3e-3, 1e-3),
            2: (self.reading_until, self.language_until, 4e-3, 2e-3),
            3: (self.language_until, 1.0, 1.5e-3, 2e-5),
        }[self.stage(share)]
        done = min((share - start) / (end - start), 1.0)
        return (low + (high - low) * 0.5 * (1 + math.cos(math.pi * done))) * min(1.0, step / 50)


class Trainer:
    """The model with its throw-away reading heads, and one step of each stage."""

    def __init__(self, plan: Plan, seed: int) -> None:
        torch.manual_seed(seed)
        self.plan = plan
        tokenizer = build_tokenizer(corpus(), VOCABULARY)
        self.processor = build_processor(tokenizer)
        self.model = build_model(tokenizer)
        self.heads = ReadingHeads(len(CHARS) + 1, len(WORDS) + 1, len(CLAIMS))
        self.tower, self.language = Tower(self.model), Language(self.model)
        self.batcher = Batcher(self.processor)
        self.rng = Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizers = {stage: self._optimizer(stage) for stage in (1, 2, 3)}

    def _optimizer(self, stage: int) -> Optimizer:
        reading = [*self.model.model.visual.named_parameters(), *self.heads.named_parameters()]
        language = list(self.model.model.language_model.named_parameters())
        return Optimizer({1: reading, 2: language, 3: [*language, *reading]}[stage])

    def step(
        self, ring: Ring, stage: int, rate: float, plain: float = 0.0, whole: float = 1.0
    ) -> dict[str, float]:
        """Train on one batch; return its losses and accuracies. See `augment` for `plain`."""
        count = self.plan.pictures if stage == 1 else self.plan.spoken_pictures
        images, chars, words, claims = ring.draw(count, self.numbers)
        cells = patches(augment(images, self.generator, plain))
        figures: dict[str, float] = {}
        with torch.autocast("cpu", torch.bfloat16):
            with torch.set_grad_enabled(stage != 2):
                patch_features, merged = self.tower.features(cells)
            loss = torch.zeros(())
            if stage != 2:
                reading = Reading(chars, words, claims)
                read, figures = self.heads(patch_features, merged, reading, whole)
                loss = read * (1.0 if stage == 1 else _READING_WEIGHT)
                figures["read"] = read.item()
            if stage != 1:
                spoken, right = self._language_loss(merged, self._ads(claims))
                loss = loss + spoken
                figures |= {"spoken": spoken.item(), "verdict": right}
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[stage].step(rate)
        return figures

    def _ads(self, claims: Tensor) -> list[TrainingAd]:
        stranger = Claim("unknown", "", "en", "", None, "any", "food")
        pictures = [CLAIMS[number] if number >= 0 else stranger for number in claims.tolist()]
        ads = [training_ad(picture, self.rng) for picture in pictures]
        copies = range(self.plan.copies)
        return ads + [training_ad(None, self.rng, unknown=2 * self.plan.unknown) for _ in copies]

    def _language_loss(self, merged: Tensor, ads: list[TrainingAd]) -> tuple[Tensor, float]:
        batch: TokenBatch = self.batcher(ads)
        embedded = self.model.model.language_model.embed_tokens(batch.ids)
        image = (batch.ids == self.model.config.image_token_id)[..., None].expand_as(embedded)
        embedded = embedded.masked_scatter(image, merged.to(embedded.dtype))
        hidden = self.language.hidden(embedded, batch.positions, batch.mask)
        rows = torch.arange(len(ads))
        places = (batch.weights > 0).nonzero(as_tuple=True)
        before = hidden[places[0], batch.source[places]]
        logits = self.model.lm_head(before).float()
        weights = batch.weights[places]
        each = F.cross_entropy(logits, batch.ids[places], reduction="none")
        spoken = (each * weights).sum() / weights.sum()
        verdicts = self.model.lm_head(hidden[rows, batch.source[rows, batch.label]]).float()
        pair = verdicts[:, self.batcher.labels]
        truth = batch.violation.float().masked_fill(batch.unsure, 0.5)
        target = torch.stack([1 - truth, truth], 1)
        vocabulary = torch.zeros_like(verdicts)
        vocabulary[:, self.batcher.labels] = target
        loss = F.cross_entropy(verdicts, vocabulary)
        right = (pair.argmax(-1) == batch.violation.long())[~batch.unsure].float().mean()
        return spoken + _LABEL_WEIGHT * loss, float(right)


def validation(seed: int, repeats: int) -> list[Example]:
    """Return picture ads with every claim `repeats` times, then a third as many of copy only."""
    generator, rng = np.random.default_rng(seed), Random(seed)
    examples = []
    for claim in [c for _ in range(repeats) for c in CLAIMS]:
        size = rng.choice((168, 336, 512))
        examples.append(
            Example(training_ad(claim, rng), make_sample(claim, generator, size=size).image)
        )
    rng.shuffle(examples)
    copies = (Example(training_ad(None, rng), None) for _ in range(len(examples) // 3))
    return examples + list(copies)


def train(plan: Plan, out: Path, seed: int, state: Path) -> None:
    """Run the plan; write the best model to `out` and the state of every evaluation to `state`."""
    trainer, ring = Trainer(plan, seed), Ring(plan.slots, seed + 1, plan.fresh)
    ring.wait(plan.slots // 8)
    watched = validation(seed=900_001, repeats=2)
    start = time.monotonic()
    best, evaluated, stage, step, in_stage = 0.0, start, 1, 0, 0
    sums: dict[str, list[float]] = {}
    while (share := (time.monotonic() - start) / (plan.minutes * 60)) < 1.0:
        if plan.stage(share) != stage:
            stage, in_stage = plan.stage(share), 0
        ring.set(
            clutter=plan.clutter(share),
            unknown=plan.unknown if share > 0.4 else 0.0,
            pages=plan.pages(share),
        )
        step, in_stage = step + 1, in_stage + 1
        rate = plan.rate(share, in_stage)
        figures = trainer.step(ring, stage, rate, plan.plain(share), plan.whole(share))
        for name, value in figures.items():
            sums.setdefault(name, []).append(value)
        if step % 50 == 0:
            means = {name: round(float(np.nanmean(values)), 3) for name, values in sums.items()}
            line = {"step": step, "stage": stage, "min": round(share * plan.minutes, 2), **means}
            print(json.dumps({**line, "renders": ring.produced}), flush=True)
            sums = {}
        if time.monotonic() - evaluated > plan.evaluate_every_s:
            if stage == 1:
                _save(trainer, state)
            else:
                best = _evaluate(trainer, watched, out, state, best)
            evaluated = time.monotonic()
    _evaluate(trainer, watched, out, state, best)
    ring.close()


def _evaluate(
    trainer: Trainer, watched: list[Example], out: Path, state: Path, best: float
) -> float:
    trainer.model.eval()
    figures = report(trainer.model, trainer.processor, trainer.batcher, watched, generated=48)
    trainer.model.train()
    score = figures["acc"] + figures["auc"] + figures["rule"]
    _save(trainer, state)
    kept = score >= best - 0.01
    if kept:
        export(trainer.model, trainer.processor, out)
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print(json.dumps({"validation": rounded, "kept": kept}), flush=True)
    return max(best, score)


def _save(trainer: Trainer, state: Path) -> None:
    torch.save({"model": trainer.model.state_dict(), "heads": trainer.heads.state_dict()}, state)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path("judge-state.pt"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    train(Plan(arguments.minutes), arguments.out, arguments.seed, arguments.state)


if __name__ == "__main__":
    main()
