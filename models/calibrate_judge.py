"""Fit the judge's temperature on renders of seen fonts: `python -m models.calibrate_judge DIR`.

The verdict's logit is divided by the temperature that minimises the negative log-likelihood.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoProcessor, Qwen2VLForConditionalGeneration

from models.judge_training.batches import Batcher
from models.judge_training.export import write_judge_config
from models.judge_training.measure import verdict_logits
from models.train_judge import validation

_SEED = 910_001


def negative_log_likelihood(
    logits: NDArray[np.float64], truth: NDArray[np.bool_], temperature: float
) -> float:
    """Return the mean over `logits` `[N]` of the log odds of a violation."""
    signed = np.where(truth, logits, -logits) / temperature
    return float(np.logaddexp(0.0, -signed).mean())


def fit(logits: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Return the best temperature between 1 and 5, on a grid of 2 % steps.

    Never below 1: where validation is told apart without error, a sharper verdict always looks
    better there, and would only be overconfident on ads that look different.
    """
    grid = np.exp(np.arange(0.0, np.log(5.0), 0.02))
    return float(min(grid, key=lambda value: negative_log_likelihood(logits, truth, value)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=4)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    processor = AutoProcessor.from_pretrained(arguments.folder)
    processor.tokenizer.padding_side = "left"
    model = Qwen2VLForConditionalGeneration.from_pretrained(arguments.folder, dtype=torch.float32)
    examples = validation(_SEED, arguments.repeats)
    logits = verdict_logits(model.eval(), processor, Batcher(processor), examples)
    truth = np.array([bool(example.ad.violation) for example in examples])
    temperature = fit(logits, truth)
    before, after = (negative_log_likelihood(logits, truth, t) for t in (1.0, temperature))
    print(f"temperature {temperature:.3f}: log-likelihood loss {before:.4f} -> {after:.4f}")
    write_judge_config(arguments.folder, temperature)


if __name__ == "__main__":
    main()
