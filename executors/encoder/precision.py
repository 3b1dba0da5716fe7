"""Where the model computes, and in which number format."""

from __future__ import annotations

import torch

from adjudicate.errors import ConfigurationError
from executors.shared.hardware import cpu_has_bf16
from executors.shared.settings import Precision


def resolve_device(name: str) -> torch.device:
    """The device by its name; `auto` is the first GPU if there is one.

    Raises `ConfigurationError` for a name that torch does not know or a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):  # torch's ways to say no
        raise ConfigurationError(
            f"The device {name!r} is not available; ADJUDICATE_ENCODER__DEVICE may be 'auto', "
            "'cpu', or 'cuda' where there is a GPU."
        ) from None
    return device


def resolve_precision(wanted: Precision, device: torch.device) -> Precision:
    """The number format: `auto` is fp16 on a GPU, bf16 where the CPU has it in hardware, else fp32.

    fp16 on a CPU is allowed, if hardly faster than fp32. Raises `ConfigurationError` for bf16 on a
    GPU without it.
    """
    if wanted == "auto":
        if device.type == "cuda":
            return "fp16"
        return "bf16" if device.type == "cpu" and cpu_has_bf16() else "fp32"
    if wanted == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(False):
        raise ConfigurationError(
            "This GPU does not compute in bf16; set ADJUDICATE_ENCODER__PRECISION to 'fp16'."
        )
    return wanted
