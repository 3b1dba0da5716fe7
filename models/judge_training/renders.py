"""A ring of rendered pictures that a second process keeps fresh while the first one trains."""

import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from models.judge_training.ads import draw_claim, unknown_claim
from models.judge_training.attacks import write_attack
from models.judge_training.network import GRID, PATCH, SIDE
from models.judge_training.pages import draw_page
from models.judge_training.tower import merge_order
from models.render.claims import Claim, load_claims
from models.render.render import Glyph, render

CLAIMS = load_claims()
INDEX = {claim.id: number for number, claim in enumerate(CLAIMS)}
CELLS = GRID * GRID
_REACH = 4.0


def _vocabulary(parts: set[str]) -> dict[str, int]:
    return {part: number for number, part in enumerate(sorted(parts), 1)}


def words_of(claim: Claim) -> list[str]:
    """Return the reading units of a claim, lower-case: words in English, bigrams in Chinese."""
    text = claim.text.lower()
    return text.split() if text.isascii() else [a + b for a, b in pairwise(text)]


CHARS = _vocabulary({char for claim in CLAIMS for char in claim.text.lower() if not char.isspace()})
WORDS = _vocabulary({word for claim in CLAIMS for word in words_of(claim)})


@dataclass(frozen=True)
class Sample:
    """One picture `[SIDE, SIDE, 3] uint8` and its targets `[GRID²]` in merge order."""

    image: NDArray[np.uint8]
    chars: NDArray[np.int64]
    words: NDArray[np.int64]
    claim: int
    attacked: bool = False


def shrink(image: object) -> NDArray[np.uint8]:
    """Scale a square picture to `SIDE` as the processor does (bicubic, antialiased)."""
    picture = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))
    if picture.size != (SIDE, SIDE):
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(picture.convert("RGB"))


def targets(glyphs: Sequence[Glyph], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the character and the word nearest to each patch centre, within `_REACH` pixels."""
    chars = np.zeros((GRID, GRID), np.int64)
    words = np.zeros((GRID, GRID), np.int64)
    if not glyphs:
        return chars.reshape(-1), words.reshape(-1)
    boxes = np.array([glyph.box for glyph in glyphs], float) * (SIDE / size)
    centres = (np.arange(GRID) + 0.5) * PATCH
    across = np.maximum(boxes[:, None, 0] - centres, centres - boxes[:, None, 2]).clip(0)
    down = np.maximum(boxes[:, None, 1] - centres, centres - boxes[:, None, 3]).clip(0)
    distance = np.hypot(down[:, :, None], across[:, None, :])
    middle = (boxes[:, 0] + boxes[:, 2])[:, None, None] / 2
    tie = np.abs(middle - centres[None, None, :]) * 1e-3
    nearest = (distance + tie).argmin(0)
    near = distance.min(0) <= _REACH
    char_ids = np.array([CHARS.get(glyph.char.lower(), 0) for glyph in glyphs])
    word_ids = np.array([WORDS.get(glyph.word.lower(), 0) for glyph in glyphs])
    chars[near] = char_ids[nearest[near]]
    words[near] = word_ids[nearest[near]]
    return _ordered(chars), _ordered(words)


def _ordered(grid: NDArray[np.int64]) -> NDArray[np.int64]:
    return merge_order(torch.from_numpy(grid)[None, :, :])[0].numpy()


def make_sample(
    claim: Claim,
    generator: np.random.Generator,
    *,
    size: int = SIDE,
    clutter: float = 1.0,
    attacked: bool = False,
) -> Sample:
    """Render one training picture at `size` pixels and shrink it to `SIDE`.

    An `attacked` one has a line that speaks to the reviewer.
    """
    rendered = render(claim, generator, size=size, clutter=clutter)
    image = write_attack(rendered.image, generator) if attacked else rendered.image
    chars, words = targets(rendered.glyphs, size)
    return Sample(shrink(image), chars, words, INDEX.get(claim.id, -1), attacked)


def make_page(rng: Random) -> Sample:
    """Draw a page of text; it is no ad and has no claim."""
    image, glyphs = draw_page(rng)
    return Sample(image, *targets(glyphs, SIDE), -1)


class Ring:
    """`slots` samples in memory-mapped files, renewed by one background process.

    The process renders `fresh` new pictures per view that the trainer reports with `used`.
    """

    def __init__(self, slots: int, seed: int, fresh: float) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="renders-")
        self._arrays = _open(Path(self._folder.name), slots, "w+")
        self.slots = slots
        self._arrays.control[:] = (0, 0, 0.0, fresh, 0.0, 1.0, 0.0)
        process = get_context("spawn").Process(
            target=_keep_fresh, args=(self._folder.name, slots, seed, os.getpid()), daemon=True
        )
        process.start()
        self._process: BaseProcess = process

    @property
    def produced(self) -> int:
        return int(self._arrays.control[0])

    def set(
        self, *, clutter: float, unknown: float = 0.0, pages: float = 0.0, attacked: float = 0.0
    ) -> None:
        """Set the clutter (0 plain, 1 full) of new pictures.

        The shares say how many are of unknown words, pages, or attacked.
        """
        self._arrays.control[2] = clutter
        self._arrays.control[4] = unknown
        self._arrays.control[5] = pages
        self._arrays.control[6] = attacked

    def wait(self, count: int) -> None:
        """Block until `count` pictures are there. Raises RuntimeError when the renderer died."""
        while self.produced < count:
            if not self._process.is_alive():
                raise RuntimeError("the render process died")
            time.sleep(0.2)

    def draw(
        self, count: int, rng: np.random.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return images `[B, 3, SIDE, SIDE] uint8`, chars and words `[B, GRID²]`, claims and
        whether they are attacked `[B]`."""
        arrays = self._arrays
        filled = min(self.produced, self.slots)
        rows = rng.integers(0, filled, count)
        rows = np.where(rows == self.produced % self.slots, (rows + 1) % filled, rows)
        arrays.control[1] += count
        images = torch.from_numpy(arrays.images[rows]).permute(0, 3, 1, 2)
        chars = torch.from_numpy(arrays.chars[rows].astype(np.int64))
        words = torch.from_numpy(arrays.words[rows].astype(np.int64))
        claims = torch.from_numpy(arrays.claims[rows].astype(np.int64))
        return images, chars, words, claims, torch.from_numpy(arrays.attacked[rows] > 0)

    def close(self) -> None:
        self._process.terminate()
        self._process.join()
        self._folder.cleanup()


@dataclass
class _Arrays:
    images: NDArray[np.uint8]
    chars: NDArray[np.int16]
    words: NDArray[np.int16]
    claims: NDArray[np.int16]
    attacked: NDArray[np.int16]
    control: NDArray[np.float64]


def _open(folder: Path, slots: int, mode: str) -> _Arrays:
    def array(name: str, dtype: type, *shape: int) -> NDArray[np.generic]:
        return np.memmap(folder / name, dtype=dtype, mode=mode, shape=shape)  # type: ignore[call-overload]

    return _Arrays(
        images=array("images", np.uint8, slots, SIDE, SIDE, 3),  # type: ignore[arg-type]
        chars=array("chars", np.int16, slots, CELLS),  # type: ignore[arg-type]
        words=array("words", np.int16, slots, CELLS),  # type: ignore[arg-type]
        claims=array("claims", np.int16, slots),  # type: ignore[arg-type]
        attacked=array("attacked", np.int16, slots),  # type: ignore[arg-type]
        control=array("control", np.float64, 7),  # type: ignore[arg-type]
    )


def _keep_fresh(folder: str, slots: int, seed: int, parent: int) -> None:
    arrays = _open(Path(folder), slots, "r+")
    control = arrays.control
    generator, rng = np.random.default_rng(seed), Random(seed)
    while os.getppid() == parent:
        if control[0] >= slots // 4 + control[1] * control[3]:
            time.sleep(0.02)
            continue
        if rng.random() < control[5]:
            sample = make_page(rng)
        else:
            claim = unknown_claim(rng) if rng.random() < control[4] else draw_claim(rng)
            size = rng.choices((SIDE, 2 * SIDE, 3 * SIDE), (0.8, 0.15, 0.05))[0]
            sample = make_sample(
                claim,
                generator,
                size=size,
                clutter=float(control[2]),
                attacked=rng.random() < control[6],
            )
        slot = int(control[0]) % slots
        arrays.images[slot] = sample.image
        arrays.chars[slot] = sample.chars
        arrays.words[slot] = sample.words
        arrays.claims[slot] = sample.claim
        arrays.attacked[slot] = sample.attacked
        control[0] += 1
