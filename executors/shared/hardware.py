"""What the processor can do in hardware."""

from __future__ import annotations

import torch

_BF16_FEATURES = ("amx_bf16", "avx512_bf16", "bf16")


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 matrices in hardware."""
    features = torch.cpu.get_capabilities()
    return any(features.get(feature) for feature in _BF16_FEATURES)
