"""The screen's measures, on vectors whose answer is known."""

import numpy as np
import pytest

from models.clip_training.measure import recall_at, roc_auc, screen
from models.render import COMPLIANT, VIOLATING


def test_separated_scores_have_an_area_of_one_and_equal_ones_of_a_half():
    assert roc_auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert roc_auc(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5
    assert roc_auc(np.array([0.0]), np.array([1.0])) == 0.0


def test_recall_counts_what_is_above_the_quantile_of_the_negatives():
    negatives = np.linspace(0, 1, 101)
    assert recall_at(np.array([0.5, 0.95, 0.99, 1.0]), negatives, 0.10) == pytest.approx(0.75)


def test_an_ad_scores_its_nearest_exemplar():
    known = list(VIOLATING[:2])
    library = np.eye(3, dtype=np.float32)[:2]
    queries = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    result = screen(queries, [*known, COMPLIANT[0]], library, known)
    assert (result.auc, result.right) == (1.0, 1.0)
    swapped = screen(queries, [known[1], known[0], COMPLIANT[0]], library, known)
    assert swapped.right == 0.0
