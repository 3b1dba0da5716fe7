"""Fit the judge's temperature on renders of seen fonts: `python -m models.calibrate_judge DIR`.

The renders are told apart almost without error, and ads that look different are not: the
temperature is never below 1, where the likelihood of these renders alone would have it. For one's
own ads there is `adjudicate judge calibrate`, which is the same on labelled ads.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from executors.judge.backend import Question
from executors.judge.calibration.measures import expected_calibration_error
from executors.judge.calibration.temperature import (
    fit_temperature,
    negative_log_likelihood,
    probabilities,
)
from executors.judge.qwen.engine import Engine
from executors.shared.settings import JudgeSettings
from models.judge_training.export import write_judge_config
from models.judge_training.measure import Example
from models.train_judge import validation

_SEED = 910_001
_LEAST = 1.0


def question(example: Example) -> Question:
    """Return the example as the service would ask it."""
    picture = None if example.image is None else Image.fromarray(example.image)
    return Question(example.ad.market, example.ad.copy, picture, example.policy.rules)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=4)
    arguments = parser.parse_args()
    examples = validation(_SEED, arguments.repeats)
    engine = Engine(JudgeSettings(model=str(arguments.folder)))
    logits = np.array(engine.logits([question(example) for example in examples]))
    truth = np.array([example.violates for example in examples])
    found = fit_temperature(logits, truth, least=_LEAST).temperature
    for name, temperature in (("1", 1.0), (f"{found:.3f}", found)):
        loss = negative_log_likelihood(logits, truth, temperature)
        error = expected_calibration_error(probabilities(logits, temperature), truth)
        print(f"temperature {name}: log loss {loss:.4f}, expected calibration error {error:.4f}")
    write_judge_config(arguments.folder, found)


if __name__ == "__main__":
    main()
