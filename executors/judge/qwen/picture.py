"""A picture as the patches that a Qwen2-VL sees, just as its own processor makes them.

The grid is known from the picture's size alone, before any pixel is touched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional
from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

from executors.judge.model_config import ModelConfig, PictureSize
from executors.judge.qwen.vision import Grid


@dataclass(frozen=True)
class PictureRule:
    """How one model wants its pictures."""

    size: PictureSize
    square: bool
    patch: int
    merge: int
    mean: tuple[float, ...]
    """Of each channel, in levels of 0 to 255; likewise `spread`."""
    spread: tuple[float, ...]

    @classmethod
    def of(cls, processor: Any, config: ModelConfig, max_pixels: int) -> PictureRule:
        """The rule of an image processor, with what the model's folder and the settings say."""
        own = config.size or PictureSize.model_validate(
            {edge: processor.size[edge] for edge in ("shortest_edge", "longest_edge")}
        )
        longest = min(own.longest_edge, max_pixels)
        size = PictureSize(shortest_edge=min(own.shortest_edge, longest), longest_edge=longest)
        levels = 1 / processor.rescale_factor
        return cls(
            size,
            config.square,
            processor.patch_size,
            processor.merge_size,
            tuple(mean * levels for mean in processor.image_mean),
            tuple(spread * levels for spread in processor.image_std),
        )

    def grid(self, picture: tuple[int, int], most: int | None = None) -> Grid:
        """Return the grid of a picture of this width and height, of at most `most` patches.

        A picture is at least one merged token. Raises `ValueError` if it is longer than 200 times
        its width.
        """
        width, height = (max(picture),) * 2 if self.square else picture
        longest, shortest = self.size.longest_edge, self.size.shortest_edge
        if most is not None:
            longest = min(longest, most * self.patch**2)
            shortest = min(shortest, longest)
        rows, columns = smart_resize(height, width, self.patch * self.merge, shortest, longest)
        return rows // self.patch, columns // self.patch

    def patches(self, image: Image.Image, grid: Grid) -> Tensor:
        """Return the picture's patches, `[rows · columns, channels · patch · patch]` uint8.

        They stand in the tower's order: those that are merged into one token side by side.
        """
        rows, columns = grid
        plain = torch.from_numpy(np.array(self._prepared(image))).permute(2, 0, 1).unsqueeze(0)
        side = (rows * self.patch, columns * self.patch)
        sized = functional.interpolate(plain, size=side, mode="bicubic", antialias=True)
        blocks = sized.reshape(
            -1,
            rows // self.merge,
            self.merge,
            self.patch,
            columns // self.merge,
            self.merge,
            self.patch,
        )
        return blocks.permute(1, 4, 2, 5, 0, 3, 6).reshape(rows * columns, -1)

    def normalised(self, patches: Tensor) -> Tensor:
        """Return patches as float32, each channel less its mean, by its spread."""
        by_channel = patches.float().view(len(patches), len(self.mean), -1)
        mean = torch.tensor(self.mean, device=patches.device).view(1, -1, 1)
        spread = torch.tensor(self.spread, device=patches.device).view(1, -1, 1)
        return by_channel.sub_(mean).div_(spread).flatten(1)

    def _prepared(self, image: Image.Image) -> Image.Image:
        """Reduce a huge picture cheaply to no less than twice what is kept; pad to a square."""
        factor = int(math.sqrt(image.width * image.height / (4 * self.size.longest_edge)))
        if factor > 1:
            image = image.reduce(factor)
        image = image.convert("RGB")
        if self.square and image.width != image.height:
            side = max(image.size)
            ground = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
            image = ImageOps.pad(image, (side, side), color=ground)  # type: ignore[arg-type]
        return image
