"""Weights in eight or four bits, by bitsandbytes, on a CPU or a GPU."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Literal

import torch

from adjudicate.errors import ConfigurationError

NEEDS = ("bitsandbytes", "accelerate")
_KEPT = ["lm_head"]
"""Shares the embedding's weights in small models, and decides between two labels in all."""


def quantized_kwargs(
    kind: Literal["int8", "int4"], device: torch.device, dtype: torch.dtype
) -> Mapping[str, Any]:
    """Return what `from_pretrained` takes beside its own arguments.

    int8: LLM.int8 (arXiv 2208.07339) without its outlier columns, which would be chosen by the
    whole batch, so that an ad's verdict would depend on what it is batched with. int4: NF4 (QLoRA,
    arXiv 2305.14314), computed in `dtype`.

    Raises `ConfigurationError` that names what is not installed.
    """
    missing = [name for name in NEEDS if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"ADJUDICATE_JUDGE__QUANTIZATION={kind} needs {' and '.join(missing)}: "
            "pip install 'adjudicate[quantized]', or set it to none."
        )
    from transformers import BitsAndBytesConfig

    _say_less()
    if kind == "int8":
        config = BitsAndBytesConfig(
            load_in_8bit=True, llm_int8_threshold=0.0, llm_int8_skip_modules=_KEPT
        )
    else:
        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=dtype,
            llm_int8_skip_modules=_KEPT,
        )
    return {"quantization_config": config, "device_map": {"": device}}


def _say_less() -> None:
    """The library remarks on each matrix that it casts, and on each that it makes."""
    warnings.filterwarnings("ignore", message="MatMul8bitLt: inputs will be cast")
    warnings.filterwarnings("ignore", module="bitsandbytes")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
