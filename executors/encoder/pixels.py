"""From a picture to what the image tower takes, as open_clip would do it, with fewer copies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

_MAX_ASPECT = 100
_SMALL = 200
_MARGIN = 1.5
_LEAST_SIDE = 640
"""For a small model: trained on sharp little pictures, it notices how a picture was reduced. The
shipped one, of 128 pixels, keeps a cosine of 0.995 only where nothing is reduced below this."""

_FILTERS = {"bilinear": Image.Resampling.BILINEAR}


class Pixels:
    """The preprocessing of one model.

    Pictures stay bytes until the batch is on the model's device; there one multiplication and one
    addition make of them what open_clip's `ToTensor` and `Normalize` make, equal to rounding.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """`config` is a model's `visual.preprocess_cfg`."""
        from open_clip.transform import PreprocessCfg, image_transform_v2
        from torchvision.transforms import Compose

        cfg = PreprocessCfg(**config)
        stock = image_transform_v2(cfg, is_train=False)
        self._resized = Compose(stock.transforms[:-2])
        self._filter = _FILTERS.get(cfg.interpolation, Image.Resampling.BICUBIC)
        size = cfg.size
        height, width = (size, size) if isinstance(size, int) else size
        self._height, self._width = int(height), int(width)
        self._crops = cfg.resize_mode == "shortest" and self._height == self._width
        normalize = stock.transforms[-1]
        mean = torch.tensor(normalize.mean).view(3, 1, 1)
        std = torch.tensor(normalize.std).view(3, 1, 1)
        self._scale = 1 / (255 * std)
        self._shift = -mean / std
        self.config = config

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what the model sees."""
        return self._height, self._width

    @property
    def decode_side(self) -> int:
        """The fewest pixels a side to which a picture may be reduced before it comes here.

        Found by the embeddings of photos and small text, whose cosine with the full decode's is to
        be at least 0.995.
        """
        side = max(self.size)
        return _LEAST_SIDE if side < _SMALL else round(_MARGIN * side)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """An RGB picture, resized and cropped: `[H, W, 3] uint8`."""
        return torch.from_numpy(np.array(self._fitted(image)))

    def normalized(
        self, pixels: torch.Tensor, device: torch.device, dtype: torch.dtype
    ) -> torch.Tensor:
        """A batch `[N, H, W, 3] uint8` as the tower takes it, `[N, 3, H, W]`, on its device."""
        planes = pixels.to(device, non_blocking=True).permute(0, 3, 1, 2)
        values = planes.to(torch.float32, memory_format=torch.contiguous_format)
        scale, shift = self._scale.to(device), self._shift.to(device)
        return values.mul_(scale).add_(shift).to(dtype)

    def _fitted(self, image: Image.Image) -> Image.Image:
        if self._crops:
            return self._cropped(image)
        width, height = image.size
        longest = _MAX_ASPECT * min(width, height)
        if max(width, height) > longest:
            # Scaled by its short side, as some models want it, it would fill the memory.
            image = image.resize((min(width, longest), min(height, longest)))
        fitted: Image.Image = self._resized(image)
        return fitted

    def _cropped(self, image: Image.Image) -> Image.Image:
        """Scaled by the short side and cut to the middle in one step: what the cut drops is never
        computed, however long the picture. The rounding is torchvision's."""
        width, height = image.size
        side = self._height
        if width <= height:
            wide, high = side, int(side * height / width)
        else:
            wide, high = int(side * width / height), side
        left, top = round((wide - side) / 2.0), round((high - side) / 2.0)
        x, y = width / wide, height / high
        box = (left * x, top * y, (left + side) * x, (top + side) * y)
        return image.resize((side, side), self._filter, box)


def stacked(pixels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Pictures of one size as a batch: `[N, H, W, 3] uint8`."""
    return torch.stack(list(pixels))
