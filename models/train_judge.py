"""Train the embedded judge from nothing: `python -m models.train_judge --minutes 100 --out DIR`.

Three stages on pictures rendered on the fly. The vision tower first learns to read (which
character, word and claim stands where); then the language model learns the answers on frozen
features, each ad held to the whole policy, a part of it or another; then all of it together. A
checkpoint that serves is written whenever validation does not get worse. Minutes are of this
process' CPU time, so that another load on the machine does not shorten the training.

`--start FOLDER --begin 0.48` takes the vision tower of a trained model and goes on from there,
`--start FOLDER --resume STATE --begin 0.7` everything, as an evaluation saved both.
"""

import argparse
import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load_model, save_model
from torch import Tensor
from transformers import PreTrainedTokenizerFast, Qwen2VLForConditionalGeneration

from models.judge_training.ads import UNKNOWN, TrainingAd, corpus, training_ad
from models.judge_training.augment import augment
from models.judge_training.batches import NUMBER_WEIGHT, Batcher, TokenBatch
from models.judge_training.export import export
from models.judge_training.language import Before, Language
from models.judge_training.measure import Example, report
from models.judge_training.network import build_model, build_processor
from models.judge_training.optimizer import Optimizer
from models.judge_training.policies import TrainingPolicy, applicable, draw_policy
from models.judge_training.renders import CHARS, CLAIMS, WORDS, Ring, make_sample
from models.judge_training.tokenizer import build_tokenizer
from models.judge_training.tower import Reading, ReadingHeads, Tower, patches
from models.render.claims import Claim

VOCABULARY = 1536
_LABEL_WEIGHT = 3.0
_READING_WEIGHT = 0.5
_LOOK_WEIGHT = 0.5


@dataclass(frozen=True)
class Plan:
    """When each stage ends, as shares of the time, and how much each step sees."""

    minutes: float
    reading_until: float = 0.48
    text_until: float = 0.6
    language_until: float = 0.7
    clutter_from: float = 0.12
    clutter_until: float = 0.32
    plain_until: float = 0.28
    pictures: int = 32
    spoken_pictures: int = 24
    copies: int = 12
    texts: int = 48
    slots: int = 4_000
    fresh: float = 0.45
    policies: int = 4
    unknown: float = 0.12
    attacked: float = 0.12
    evaluate_every_s: float = 540.0

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
        """1: read. 2: answer, on copy alone until `text_until`, then on frozen features. 3: all."""
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

    def __init__(self, plan: Plan, seed: int, words: Path | None = None) -> None:
        """`words` is the folder of the tokenizer; None trains one."""
        torch.manual_seed(seed)
        self.plan = plan
        tokenizer = (
            PreTrainedTokenizerFast.from_pretrained(words)
            if words
            else build_tokenizer(corpus(), VOCABULARY)
        )
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
        heads = list(self.heads.named_parameters())
        return Optimizer({1: reading, 2: [*language, *heads], 3: [*language, *reading]}[stage])

    def whole(self) -> torch.nn.ModuleDict:
        """What a saved state holds."""
        return torch.nn.ModuleDict({"model": self.model, "heads": self.heads})

    def load(self, state: Path) -> None:
        """Go on with a model and its reading heads as an evaluation saved them."""
        load_model(self.whole(), state)

    def take_tower(self, folder: Path) -> None:
        """Go on with the vision tower of a trained model."""
        trained = Qwen2VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
        self.model.model.visual.load_state_dict(trained.model.visual.state_dict())

    def step(
        self, ring: Ring, stage: int, rate: float, plain: float = 0.0, whole: float = 1.0
    ) -> dict[str, float]:
        """Train on one batch; return its losses and accuracies. See `augment` for `plain`."""
        count = self.plan.pictures if stage == 1 else self.plan.spoken_pictures
        images, chars, words, claims, attacked = ring.draw(count, self.numbers)
        cells = patches(augment(images, self.generator, plain))
        figures: dict[str, float] = {}
        with torch.autocast("cpu", torch.bfloat16):
            with torch.set_grad_enabled(stage != 2):
                patch_features, merged = self.tower.features(cells)
            reading = Reading(chars, words, claims)
            read, figures = self.heads(patch_features, merged, reading, whole)
            loss = read * (1.0 if stage == 1 else _READING_WEIGHT)
            figures["read"] = read.item()
            if stage != 1:
                policies = self._policies()
                ads, group = self._ads(claims, attacked, policies)
                spoken, right = self._language_loss(merged, ads, policies, group)
                loss = loss + spoken
                figures |= {"spoken": spoken.item()} | right
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[stage].step(rate)
        return figures

    def text_step(self, rate: float) -> dict[str, float]:
        """Train on copies alone: rules are learned faster without pictures in between."""
        policies = self._policies()
        group = [number % len(policies) for number in range(self.plan.texts)]
        ads = [self._copy(policies[of]) for of in group]
        with torch.autocast("cpu", torch.bfloat16):
            merged = torch.zeros(0, self.model.config.text_config.hidden_size)
            loss, figures = self._language_loss(merged, ads, policies, group)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[2].step(rate)
        return {"spoken": loss.item(), **figures}

    def _policies(self) -> list[TrainingPolicy]:
        return [draw_policy(self.rng) for _ in range(self.plan.policies)]

    def _copy(self, policy: TrainingPolicy) -> TrainingAd:
        attacked, unknown = 2 * self.plan.attacked, self.plan.unknown
        return training_ad(None, self.rng, unknown=unknown, attacked=attacked, policy=policy)

    def _held_to(self, picture: Claim, policies: list[TrainingPolicy]) -> int:
        """A policy for a picture that is there already: half of them break theirs."""
        broken = [number for number, policy in enumerate(policies) if policy.rule_of(picture)]
        allowed = [number for number in range(len(policies)) if number not in broken]
        wanted = broken if self.rng.random() < 0.68 else allowed
        return self.rng.choice(wanted or broken or allowed)

    def _ads(
        self, claims: Tensor, attacked: Tensor, policies: list[TrainingPolicy]
    ) -> tuple[list[TrainingAd], list[int]]:
        stranger = Claim(UNKNOWN, "", "en", "", None, "any", "food")
        pictures = [CLAIMS[number] if number >= 0 else stranger for number in claims.tolist()]
        share = self.plan.attacked
        ads = [training_ad(picture, self.rng, attacked=share / 2) for picture in pictures]
        ads = [
            replace(ad, instruction=ad.instruction or seen)
            for ad, seen in zip(ads, attacked.tolist(), strict=True)
        ]
        group = [self._held_to(picture, policies) for picture in pictures]
        more = [number % len(policies) for number in range(self.plan.copies)]
        return ads + [self._copy(policies[of]) for of in more], group + more

    def _language_loss(
        self,
        merged: Tensor,
        ads: list[TrainingAd],
        policies: list[TrainingPolicy],
        group: list[int],
    ) -> tuple[Tensor, dict[str, float]]:
        batch: TokenBatch = self.batcher(ads, policies, group)
        embed = self.model.model.language_model.embed_tokens
        embedded = embed(batch.ids)
        image = (batch.ids == self.model.config.image_token_id)[..., None].expand_as(embedded)
        embedded = embedded.masked_scatter(image, merged.to(embedded.dtype))
        rules = batch.rules
        before = Before(
            embed(rules.ids), rules.positions.expand(3, -1, -1), rules.mask, batch.group
        )
        hidden, missed = self.language.hidden(
            embedded, batch.positions, batch.mask, before, batch.look
        )
        places = (batch.weights > 0).nonzero(as_tuple=True)
        logits = self.model.lm_head(hidden[places[0], batch.source[places]]).float()
        weights = batch.weights[places]
        each = F.cross_entropy(logits, batch.ids[places], reduction="none")
        spoken = (each * weights).sum() / weights.sum()
        labels, right = self._label_loss(hidden, batch)
        key = weights == NUMBER_WEIGHT
        right["number"] = float((logits.argmax(-1) == batch.ids[places])[key].float().mean())
        right["look"] = missed.item()
        return spoken + _LABEL_WEIGHT * labels + _LOOK_WEIGHT * missed, right

    def _label_loss(self, hidden: Tensor, batch: TokenBatch) -> tuple[Tensor, dict[str, float]]:
        """The mean loss of both labels; an unsure verdict is taught as even odds."""
        rows = torch.arange(len(batch.ids))[:, None]
        logits = self.model.lm_head(hidden[rows, batch.source[rows, batch.label]]).float()
        true = batch.truth.float()
        true[:, 0] = true[:, 0].masked_fill(batch.unsure, 0.5)
        target = torch.zeros_like(logits)
        target[..., self.batcher.labels] = torch.stack([1 - true, true], -1)
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(0, 1))
        said = logits[..., self.batcher.labels].argmax(-1) == batch.truth.long()
        sure = ~batch.unsure
        return loss, {
            "verdict": float(said[sure, 0].float().mean()),
            "instruction": float(said[:, 1].float().mean()),
        }


def validation(seed: int, repeats: int, edited: bool = False) -> list[Example]:
    """Return picture ads with every claim `repeats` times, then a third as many of copy only.

    Each is held to the rules of its market, or to any when `edited`; one in ten is attacked.
    """
    generator, rng = np.random.default_rng(seed), Random(seed)
    examples = []
    for claim in [c for _ in range(repeats) for c in CLAIMS]:
        size, attacked = rng.choice((168, 336, 512)), rng.random() < 0.1
        image = make_sample(claim, generator, size=size, attacked=attacked).image
        ad = training_ad(claim, rng)
        examples.append(_held(replace(ad, instruction=attacked), image, edited, rng))
    rng.shuffle(examples)
    copies = (training_ad(None, rng, attacked=0.1) for _ in range(len(examples) // 3))
    return examples + [_held(ad, None, edited, rng) for ad in copies]


def _held(ad: TrainingAd, image: NDArray[np.uint8] | None, edited: bool, rng: Random) -> Example:
    market = None if ad.market == "any" else ad.market
    return Example(ad, image, draw_policy(rng) if edited else applicable(market))


def train(trainer: Trainer, out: Path, seed: int, state: Path, begin: float = 0.0) -> None:
    """Run the plan; write the best model to `out` and the state of every evaluation to `state`.

    `begin` is the share of the schedule that is taken as done.
    """
    plan = trainer.plan
    ring = Ring(plan.slots, seed + 1, plan.fresh)
    ring.set(clutter=plan.clutter(begin), pages=plan.pages(begin))
    ring.wait(plan.slots // 8)
    watched = [validation(900_001, 2), validation(900_002, 1, edited=True)]
    evaluated, stage, step, in_stage = time.monotonic(), 0, 0, 0
    best, start = 0.0, time.process_time()
    sums: dict[str, list[float]] = {}
    while (share := begin + (time.process_time() - start) / (plan.minutes * 60)) < 1.0:
        if plan.stage(share) != stage:
            stage, in_stage = plan.stage(share), 0
        ring.set(
            clutter=plan.clutter(share),
            unknown=plan.unknown if share > 0.4 else 0.0,
            pages=plan.pages(share),
            attacked=plan.attacked if share > 0.4 else 0.0,
        )
        step, in_stage = step + 1, in_stage + 1
        rate = plan.rate(share, in_stage)
        if (stage == 2 and share < plan.text_until) or (stage == 3 and step % 2):
            figures = trainer.text_step(rate)
        else:
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
    trainer: Trainer, watched: list[list[Example]], out: Path, state: Path, best: float
) -> float:
    trainer.model.eval()
    score, said = 0.0, {}
    for name, examples in zip(("served", "edited"), watched, strict=True):
        figures = report(trainer.model, trainer.processor, trainer.batcher, examples, generated=48)
        score += figures["acc"] + figures["auc"] + figures["rule"]
        said[name] = {key: round(value, 4) for key, value in figures.items()}
    trainer.model.train()
    _save(trainer, state)
    kept = score >= best - 0.02
    if kept:
        export(trainer.model, trainer.processor, out)
    print(json.dumps({"validation": said, "kept": kept}), flush=True)
    return max(best, score)


def _save(trainer: Trainer, state: Path) -> None:
    save_model(trainer.whole(), str(state))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=100.0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--state", type=Path, default=Path("judge-state.safetensors"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", type=Path, help="a folder whose vision tower is taken")
    parser.add_argument("--resume", type=Path, help="a file that --state named, to go on from")
    parser.add_argument("--begin", type=float, default=0.0, help="share of the schedule done")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    plan, resume = Plan(arguments.minutes), arguments.resume
    if resume is not None and arguments.start is None:
        parser.error("--resume needs --start, the folder that was saved with it: its tokenizer")
    trainer = Trainer(plan, arguments.seed, arguments.start if resume is not None else None)
    if resume is not None:
        trainer.load(resume)
    elif arguments.start is not None:
        trainer.take_tower(arguments.start)
    train(trainer, arguments.out, arguments.seed, arguments.state, arguments.begin)


if __name__ == "__main__":
    main()
