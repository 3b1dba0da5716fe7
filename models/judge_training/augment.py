"""Changes to a batch of pictures that leave the text in place."""

import torch
import torch.nn.functional as F
from torch import Tensor


def augment(images: Tensor, generator: torch.Generator, plain: float = 0.0) -> Tensor:
    """Turn `[B, 3, S, S] uint8` into `float32` in 0..1 with colours, blur, noise and place varied.

    Shifts stay within 3 pixels, so that targets on the patch grid keep holding. A share `plain` is
    made dark grey on light at full contrast instead: the easiest text to begin with.
    """
    batch, _, side, _ = images.shape

    def chance(share: float) -> Tensor:
        return torch.rand(batch, 1, 1, 1, generator=generator) < share

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(batch, 1, 1, 1, generator=generator)

    x = images.float() / 255.0
    order = torch.rand(batch, 3, generator=generator).argsort(1)
    permuted = x.gather(1, order[:, :, None, None].expand_as(x))
    x = torch.where(chance(0.4), permuted, x)
    x = torch.where(chance(0.15), 1.0 - x, x)
    gray = x.mean(1, keepdim=True).expand_as(x)
    x = torch.where(chance(0.1), gray, x)
    mean = x.mean((1, 2, 3), keepdim=True)
    x = (x - mean) * uniform(0.7, 1.2) + mean + uniform(-0.12, 0.12)
    rows = torch.rand(batch, generator=generator) < 0.2
    if rows.any():
        scale = 0.6 + 0.35 * float(torch.rand(1, generator=generator))
        small = F.interpolate(x[rows], scale_factor=scale, mode="bilinear", antialias=True)
        x[rows] = F.interpolate(small, size=(side, side), mode="bilinear")
    noise = torch.randn(x.shape, generator=generator) * uniform(0.0, 0.06)
    x = torch.where(chance(0.4), x + noise, x)
    x = torch.where(chance(plain), _dark_on_light(images), x)
    across, down = (int(torch.randint(-3, 4, (1,), generator=generator)) for _ in range(2))
    return torch.roll(x, (down, across), (2, 3)).clamp(0.0, 1.0)


def _dark_on_light(images: Tensor) -> Tensor:
    gray = images.float().mean(1, keepdim=True)
    low, high = gray.amin((2, 3), keepdim=True), gray.amax((2, 3), keepdim=True)
    gray = (gray - low) / (high - low).clamp(min=1.0)
    dark = gray.median(-1, keepdim=True).values.median(-2, keepdim=True).values < 0.5
    return torch.where(dark, 1.0 - gray, gray).expand_as(images)
