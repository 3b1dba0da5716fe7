"""Train the embedded CLIP from nothing on rendered ads.

Usage: python -m models.train_clip --minutes 60 --out models/clip
"""

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import open_clip
import torch
from torch import Tensor, nn

from models.clip_training import losses, measure, network, texts, views
from models.render import VIOLATING, Claim, load_claims
from models.render.claims import CATEGORIES

CLAIMS = 32
OTHERS = 6
COPIES = 24
FILLERS = 8
FRESH = 12
RATE = 2e-3
CATEGORY_OF = torch.tensor(
    [
        CATEGORIES.index(claim.category) if claim.violating else len(CATEGORIES)
        for claim in load_claims()
    ]
)
"""Number of each claim's caption; the last stands for a compliant ad."""


@dataclass
class Trainer:
    """Model, heads, optimizer and the store of views."""

    model: open_clip.CLIP
    heads: network.Auxiliary
    store: views.Store
    rng: np.random.Generator
    begin: float = 0.0
    """The share of the schedule that an earlier run has been through."""

    def __post_init__(self) -> None:
        named = [*self.model.named_parameters(), *self.heads.named_parameters()]
        flat = [p for _, p in named if p.ndim < 2]
        wide = [p for _, p in named if p.ndim >= 2]
        groups = [{"params": wide, "weight_decay": 0.05}, {"params": flat, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), fused=True)
        self.claim_ids = texts.tokenize([claim.text for claim in load_claims()])
        self.caption_ids = texts.tokenize(list(texts.CATEGORY_CAPTIONS))

    def copy_loss(self, claims: Tensor, scale: Tensor) -> Tensor:
        """The loss among texts: ad copy close to its claim's features [80, D], fillers far."""
        labels = torch.from_numpy(self.rng.choice(views.OTHER, COPIES, replace=False))
        copies = [texts.wrapped(load_claims()[i], self.rng) for i in labels.tolist()]
        fillers = [texts.harmless(self.rng) for _ in range(FILLERS)]
        features = network.encode_texts(self.model, texts.tokenize(copies + fillers))
        wrapped, filler = features.split([COPIES, FILLERS])
        both = torch.cat([claims, wrapped])
        both_labels = torch.cat([torch.arange(views.OTHER), labels])
        loss = losses.image_to_text(wrapped, claims, labels, scale)
        loss = loss + 0.5 * losses.supervised_contrastive(both, both_labels, scale)
        return loss + 2 * losses.apart(filler, claims[: len(VIOLATING)])

    def loss(self, batch: views.Batch, auxiliary: float, with_copy: bool) -> Tensor:
        """All losses of one step; those among texts only `with_copy`."""
        scale = self.model.logit_scale.exp()
        features = network.encode_texts(self.model, torch.cat([self.claim_ids, self.caption_ids]))
        claims, captions = features.split([views.OTHER, len(self.caption_ids)])
        images, maps = network.encode_images(self.model, batch.pixels)
        known = batch.labels != views.OTHER
        labels, mine = batch.labels[known], images[known]
        total = losses.image_to_text(mine, claims, labels, scale)
        total = total + 0.5 * losses.text_to_image(images, claims, batch.labels, scale)
        total = total + 0.3 * losses.image_to_text(mine, captions, CATEGORY_OF[labels], scale)
        total = total + 0.7 * losses.supervised_contrastive(images, batch.labels, scale)
        total = total + 0.3 * self.threshold_loss(images, claims, batch.labels)
        total = total + 2 * losses.apart(images[~known], claims[: len(VIOLATING)])
        total = total + auxiliary * self.reading_loss(maps, batch, known)
        if with_copy:
            total = total + 0.7 * self.copy_loss(claims, scale)
        return total

    def threshold_loss(self, images: Tensor, claims: Tensor, labels: Tensor) -> Tensor:
        """That one threshold separates claims, against their texts and against other pictures."""
        right = labels[:, None] == torch.arange(views.OTHER)
        known = (labels != views.OTHER)[:, None]
        alike = labels[:, None] == labels
        itself = torch.eye(len(images), dtype=torch.bool)
        loss = losses.above_and_below(images @ claims.T, right, ~right)
        cosines = images @ images.T
        return loss + losses.above_and_below(cosines, alike & known & ~itself, ~alike)

    def reading_loss(self, maps: tuple[Tensor, ...], batch: views.Batch, known: Tensor) -> Tensor:
        """That the maps tell which characters and words stand where, and the claim."""
        early, middle, last = maps
        loss = losses.under_cells(self.heads.chars, early, batch.chars)
        loss = loss + losses.under_cells(self.heads.words, middle, batch.words)
        loss = loss + losses.words_present(self.heads.present(last.amax((2, 3))), batch.words)
        claim = self.heads.claim(last.mean((2, 3)))[known]
        return loss + nn.functional.cross_entropy(claim, batch.labels[known])

    def step(self, progress: float, with_copy: bool = True) -> float:
        """One update; `progress` is the share of the time that has passed."""
        warm = min(1.0, (progress - self.begin) / 0.02 + 0.05)
        rate = RATE * warm * (0.005 + 0.995 * (0.5 + 0.5 * math.cos(math.pi * progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.store.add_some(FRESH, clutter_at(progress))
        batch = self.store.draw(CLAIMS, 2, OTHERS)
        loss = self.loss(batch, auxiliary_at(progress), with_copy)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(50))
        return loss.item()


def auxiliary_at(progress: float) -> float:
    """Weight of the reading losses: 1 for half of the time, then fading to 0.2."""
    return min(1.0, max(0.2, 1.0 - 2 * (progress - 0.5)))


def clutter_at(progress: float) -> float:
    """Plain pictures first, all of the clutter from a third of the time on."""
    return min(1.0, max(0.0, (progress - 0.04) / 0.26))


@dataclass
class Evaluation:
    """The held-out pictures and copies, rendered once."""

    exemplars: tuple[np.ndarray, list[Claim]]
    subsets: dict[str, tuple[np.ndarray, list[Claim]]]

    @torch.no_grad()
    def run(self, model: open_clip.CLIP) -> dict[str, measure.Screen]:
        """Every subset's screen, and the copy's."""
        model.eval()
        library, known = features_of(model, self.exemplars[0]), self.exemplars[1]
        bare = network.encode_texts(model, texts.tokenize([c.text for c in VIOLATING])).numpy()
        results = {}
        for name, (pictures, claims) in self.subsets.items():
            queries = features_of(model, pictures)
            results[name] = measure.screen(queries, claims, library, known)
            results[f"{name}, by texts"] = measure.screen(queries, claims, bare, list(VIOLATING))
        copies, claims = measure.held_out_copies()
        queries = network.encode_texts(model, texts.tokenize(copies)).numpy()
        results["copy"] = measure.screen(queries, claims, bare, list(VIOLATING))
        model.train()
        return results


def features_of(model: open_clip.CLIP, pictures: np.ndarray) -> np.ndarray:
    """Pictures [N, S, S, 3] uint8 to features [N, D], unit norm."""
    parts = []
    for start in range(0, len(pictures), 64):
        pixels = (
            torch.from_numpy(pictures[start : start + 64]).permute(0, 3, 1, 2).float() / 127.5 - 1
        )
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        parts.append(network.encode_images(model, pixels)[0].numpy())
    return np.concatenate(parts)


def report(results: dict[str, measure.Screen]) -> None:
    """Print the results."""
    for name, result in results.items():
        print(
            f"  {name}: auc {result.auc:.4f} recall {result.recall:.4f} right {result.right:.4f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, default=Path("models/clip"))
    parser.add_argument("--start", type=Path, help="folder of a model to go on from")
    parser.add_argument(
        "--begin", type=float, default=0.0, help="share of the schedule that --start has had"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluate-every", type=float, default=150, help="seconds")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    # The fused attention's backward takes longer than everything around it on a CPU.
    torch.backends.cuda.enable_flash_sdp(False)
    rng = np.random.default_rng(options.seed)
    store = views.Store(np.random.default_rng(options.seed + 1))
    heads = network.Auxiliary(len(views.CHARS), len(views.WORDS), views.OTHER)
    model = network.build()
    if options.start:
        network.load(model, options.start)
    trainer = Trainer(model, heads, store, rng, options.begin)
    evaluation = Evaluation(
        measure.exemplar_views(network.SIZE), measure.held_out_views(network.SIZE)
    )
    for label in range(views.OTHER + 1):
        for _ in range(8):
            store.add(label, clutter_at(options.begin))
    train(trainer, evaluation, options.minutes * 60, options.evaluate_every, options.out)


def train(
    trainer: Trainer, evaluation: Evaluation, seconds: float, every: float, out: Path
) -> None:
    """Step until the time is over, saving to `out` at every evaluation.

    The last state is what ships: nothing is chosen by the held-out pictures, so that they stay so.
    """
    start = time.monotonic()
    steps, recent, next_report = 0, [], every
    while (elapsed := time.monotonic() - start) < seconds:
        progress = trainer.begin + (1 - trainer.begin) * elapsed / seconds
        recent.append(trainer.step(progress, steps % 2 == 0))
        steps += 1
        if elapsed >= next_report or steps % 100 == 0:
            print(f"{elapsed:.0f} s, step {steps}, loss {np.mean(recent):.3f}", flush=True)
            recent = []
        if elapsed >= next_report:
            next_report = elapsed + every
            report(evaluation.run(trainer.model))
            network.save(trainer.model, out)
    report(evaluation.run(trainer.model))
    network.save(trainer.model, out)


if __name__ == "__main__":
    main()
