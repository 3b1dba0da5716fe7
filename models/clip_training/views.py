"""A store of rendered views by claim, and the augmentation of a batch of them."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from models.clip_training.network import SIZE
from models.render import SEEN_FONTS, Claim, load_claims, render
from models.render.disturb import text_overlay
from models.render.headline import word_at
from models.render.wording import BADGES, BRANDS, CAPTIONS, CTAS

CHAR_CELLS, WORD_CELLS = 16, 8
"""Cells a side of the feature maps that are asked for characters and for words."""
GLYPHS = 40
OVERLAID = 0.25
"""Share of the views with a line of other text over them."""
FRAMED = 0.3
"""Share of the pictures whose outside, where they are reduced, is one colour: a border."""


def vocabulary() -> dict[str, int]:
    """Every word and CJK bigram of the claims to its number, from 1."""
    words = {
        word_at(claim.text, i)
        for claim in load_claims()
        for i, char in enumerate(claim.text)
        if char != " "
    }
    return {word: number for number, word in enumerate(sorted(words), 1)}


WORDS = vocabulary()
CHARS = {
    char: number
    for number, char in enumerate(sorted({c for t in load_claims() for c in t.text} - {" "}), 1)
}
OTHER = len(load_claims())


def other_headline(rng: np.random.Generator) -> Claim:
    """A headline that is no claim: words or characters of claims and captions, shuffled."""
    products, language = ("drug", "device", "food"), "en" if rng.random() < 0.5 else "zh"
    texts = [claim.text for claim in load_claims() if claim.language == language]
    texts += [text for text in CAPTIONS if text.isascii() == (language == "en")]
    if language == "en":
        pool = " ".join(texts).split()
        text = " ".join(rng.choice(pool, int(rng.integers(2, 5))))
    else:
        pool = [c for c in "".join(texts) if not c.isascii()]
        text = "".join(rng.choice(pool, int(rng.integers(4, 9))))
    return Claim("other", text, language, "", None, "", products[rng.integers(3)])


@dataclass
class Batch:
    """Pixels [B, 3, 128, 128] in -1..1, claim numbers [B], and what lies under each cell.

    `chars` [B, 16, 16] and `words` [B, 8, 8] are numbers, 0 for none.
    """

    pixels: Tensor
    labels: Tensor
    chars: Tensor
    words: Tensor


@dataclass
class Store:
    """`room` views of each claim, and of other headlines, the oldest replaced by new ones."""

    rng: np.random.Generator
    room: int = 90
    images: np.ndarray = field(init=False)
    boxes: np.ndarray = field(init=False)
    chars: np.ndarray = field(init=False)
    words: np.ndarray = field(init=False)
    written: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        classes = OTHER + 1
        self.images = np.zeros((classes, self.room, SIZE, SIZE, 3), np.uint8)
        self.boxes = np.zeros((classes, self.room, GLYPHS, 4), np.float32)
        self.chars = np.zeros((classes, self.room, GLYPHS), np.int64)
        self.words = np.zeros((classes, self.room, GLYPHS), np.int64)
        self.written = np.zeros(classes, np.int64)

    def add(self, label: int, clutter: float) -> None:
        """Render one more view of a claim."""
        claim = other_headline(self.rng) if label == OTHER else load_claims()[label]
        view = render(claim, self.rng, SIZE, clutter=clutter)
        slot = self.written[label] % self.room
        image = view.image
        if self.rng.random() < OVERLAID * clutter:
            image = text_overlay(image, self.rng, BADGES + BRANDS + CAPTIONS + CTAS, SEEN_FONTS)
        self.images[label, slot] = np.asarray(image)
        for values in (self.boxes, self.chars, self.words):
            values[label, slot] = 0
        for i, glyph in enumerate(view.glyphs[:GLYPHS]):
            self.boxes[label, slot, i] = glyph.box
            self.chars[label, slot, i] = CHARS.get(glyph.char, 0)
            self.words[label, slot, i] = WORDS.get(glyph.word, 0)
        self.written[label] += 1

    def add_some(self, count: int, clutter: float) -> None:
        for label in self.rng.integers(0, OTHER + 1, count):
            self.add(int(label), clutter)

    def draw(self, claims: int, views: int, others: int) -> Batch:
        """`views` each of `claims` random claims, and `others` other headlines, augmented."""
        chosen = self.rng.choice(OTHER, claims, replace=False)
        labels = np.concatenate([np.repeat(chosen, views), np.full(others, OTHER)])
        slots = self.rng.integers(0, np.minimum(self.written[labels], self.room))
        images = torch.from_numpy(self.images[labels, slots])
        pixels = images.permute(0, 3, 1, 2).float() / 127.5 - 1
        pixels, warp = moved(pixels, self.rng)
        boxes = self.boxes[labels, slots]
        chars = under_cells(boxes, self.chars[labels, slots], warp, CHAR_CELLS)
        words = under_cells(boxes, self.words[labels, slots], warp, WORD_CELLS)
        pixels = recoloured(pixels, self.rng).contiguous(memory_format=torch.channels_last)
        return Batch(
            pixels, torch.from_numpy(labels), torch.from_numpy(chars), torch.from_numpy(words)
        )


def moved(pixels: Tensor, rng: np.random.Generator) -> tuple[Tensor, np.ndarray]:
    """Scale, stretch, turn and shift each picture; also the maps [B, 2, 3] from out to in.

    Outside of a picture is its reflection or, for some, one colour.
    """
    count = len(pixels)
    angle = rng.normal(0, 0.05, count)
    scale = np.exp(rng.uniform(-0.14, 0.2, count))
    stretch = np.exp(rng.normal(0, 0.07, count))
    warp = np.zeros((count, 2, 3), np.float32)
    warp[:, 0, 0], warp[:, 0, 1] = np.cos(angle) * scale * stretch, -np.sin(angle) * scale
    warp[:, 1, 0], warp[:, 1, 1] = np.sin(angle) * scale, np.cos(angle) * scale / stretch
    room = 0.04 + np.abs(scale - 1)[:, None]
    warp[:, :, 2] = rng.uniform(-1, 1, (count, 2)) * room
    grid = nn.functional.affine_grid(
        torch.from_numpy(warp), list(pixels.shape), align_corners=False
    )
    moved_pixels = nn.functional.grid_sample(
        pixels, grid, padding_mode="reflection", align_corners=False
    )
    framed = torch.from_numpy(rng.random((count, 1, 1, 1)) < FRAMED)
    outside = (grid.abs() > 1).any(-1)[:, None] & framed
    colours = torch.from_numpy(rng.uniform(-1, 1, (count, 3, 1, 1))).float()
    return torch.where(outside, colours, moved_pixels), warp


def under_cells(boxes: np.ndarray, values: np.ndarray, warp: np.ndarray, cells: int) -> np.ndarray:
    """The value of the glyph under each cell's centre [B, C, C], 0 for none; boxes [B, G, 4]."""
    axis = (np.arange(cells, dtype=np.float32) + 0.5) / cells * 2 - 1
    y, x = np.meshgrid(axis, axis, indexing="ij")
    centres = np.stack([x.ravel(), y.ravel(), np.ones(cells * cells, np.float32)])
    source = ((warp @ centres) + 1) * (SIZE / 2)
    x, y = source[:, 0, :, None], source[:, 1, :, None]
    pad = 1.5
    x0, y0, x1, y1 = (boxes[:, None, :, i] for i in range(4))
    hit = (x >= x0 - pad) & (x <= x1 + pad) & (y >= y0 - pad) & (y <= y1 + pad) & (x1 > x0)
    first = hit.argmax(-1)
    found = np.where(hit.any(-1), np.take_along_axis(values, first, 1), 0)
    return found.reshape(-1, cells, cells)


def recoloured(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Permute channels, invert, change tone, blur, add noise: each on some of the batch."""
    count = len(pixels)
    orders = np.stack(
        [rng.permutation(3) if rng.random() < 0.5 else np.arange(3) for _ in range(count)]
    )
    pixels = pixels[torch.arange(count)[:, None], torch.from_numpy(orders)]
    sign = np.where(rng.random((count, 1, 1, 1)) < 0.2, -1.0, 1.0)
    gain = np.exp(rng.normal(0, 0.2, (count, 3, 1, 1))) * sign
    lift = rng.normal(0, 0.15, (count, 3, 1, 1))
    pixels.mul_(torch.from_numpy(gain).float()).add_(torch.from_numpy(lift).float())
    soft = torch.from_numpy(rng.random(count) < 0.12)
    if soft.any():
        weights = torch.tensor([1.0, 2.0, 1.0])
        kernel = (weights[:, None] * weights / 16).expand(3, 1, 3, 3)
        padded = nn.functional.pad(pixels[soft], (1, 1, 1, 1), mode="replicate")
        pixels[soft] = nn.functional.conv2d(padded, kernel, groups=3)
    grainy = torch.from_numpy(rng.random(count) < 0.25)
    noise = torch.randn(int(grainy.sum()), *pixels.shape[1:])
    pixels[grainy] += noise * torch.from_numpy(rng.uniform(0, 0.12, (len(noise), 1, 1, 1))).float()
    return pixels.clamp_(-1, 1)
