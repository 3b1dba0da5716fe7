"""From similarities to a proposal: what is calibrated, what is kept, and what is warned of."""

import base64
import json
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adjudicate.calibration.collect import Collected
from adjudicate.calibration.figure import curves_png
from adjudicate.calibration.labelled import Labelled
from adjudicate.calibration.proposal import TooFewExamplesError, Wanted, as_array, propose
from adjudicate.calibration.report import report_html, thresholds_yaml
from adjudicate.calibration.scores import OFF, SIGNALS
from adjudicate.documents import Ad
from executors.library.thresholds import parse_thresholds

BASE: dict[str, dict[str, float | None]] = {
    "image": {"cure": 0.7, "rare": 0.71},
    "text": {"cure": 0.6},
    "image-text": {"rare": None},
    "default": {"image": 0.8, "text": 0.8, "image-text": None},
}


def collected(count: int = 60, *, rare: int = 3, copies: int = 0, seed: int = 1) -> Collected:
    """`cure` is told apart by picture; of `rare` there are few; there is no copy at all."""
    rng = np.random.default_rng(seed)
    made = Collected(encoder="v1")

    def add(category: str, cosine: float) -> None:
        near = {"cure": 0.3, "rare": 0.3} | ({category: cosine} if category else {})
        row = {(name, "image"): value + rng.normal(0, 0.03) for name, value in near.items()}
        number = len(made.rows) + 2
        made.rows.append(Labelled(number, Ad(), bool(category), category, f"row {number}"))
        made.similarity.append({key: min(value, 1.0) for key, value in row.items()})

    for _ in range(count):
        add("cure", 0.6)
        add("", 0.0)
    for _ in range(rare):
        add("rare", 0.6)
    for at in range(copies):
        made.similarity[2 * at]["cure", "image"] = 1.0
    return made


def test_a_category_with_enough_examples_gets_new_thresholds() -> None:
    proposal = propose(collected(), BASE, Wanted())
    cure = proposal.scores.categories.index("cure")
    assert 0.4 < proposal.proposed[cure, 0] < 0.6
    assert proposal.content["image"]["cure"] == pytest.approx(proposal.proposed[cure, 0])
    assert proposal.then.by_category[cure].value >= 0.97
    assert proposal.then.false_positives.value <= 0.03
    assert proposal.now.by_category[cure].value < 0.2, "0.7 is too high for these"


def test_what_has_no_examples_keeps_its_thresholds() -> None:
    proposal = propose(collected(), BASE, Wanted())
    assert proposal.content["image"]["rare"] == 0.71, "three examples are too few"
    assert proposal.content["text"] == {"cure": 0.6}, "no ad has copy: nothing is known of it"
    assert proposal.content["default"] == BASE["default"]
    assert proposal.notes["rare"] == "kept: 3 examples, 10 are needed"
    assert proposal.notes["cure"] == "few: 122 bound 0.97"
    assert proposal.chosen(proposal.scores.categories.index("cure"))
    assert not proposal.chosen(proposal.scores.categories.index("rare"))


def test_a_signal_that_no_compliant_ad_has_is_not_touched() -> None:
    """Without compliant ads nothing would say that a threshold is too low."""
    made = collected()
    for one, row in zip(made.rows, made.similarity, strict=True):
        if one.violating:
            row["cure", "text"] = 0.4
    proposal = propose(made, BASE, Wanted())
    assert proposal.content["text"]["cure"] == 0.6


@pytest.mark.parametrize("made", [collected(5), collected(0, rare=8)])
def test_too_few_examples_in_all_are_refused(made: Collected) -> None:
    with pytest.raises(TooFewExamplesError, match="10 labelled violations"):
        propose(made, BASE, Wanted())


def test_no_compliant_ads_are_refused() -> None:
    made = collected()
    violations = [at for at, one in enumerate(made.rows) if one.violating]
    only = Collected(
        [made.rows[at] for at in violations], [made.similarity[at] for at in violations]
    )
    with pytest.raises(TooFewExamplesError, match="0 compliant"):
        propose(only, BASE, Wanted())


def test_copies_of_exemplars_and_unknown_categories_are_warned_of() -> None:
    made = collected(copies=7)
    made.rows.append(Labelled(999, Ad(), True, "unheard-of", "row 999"))
    made.similarity.append({})
    few, unknown, repeated = propose(made, BASE, Wanted()).warnings
    assert few.startswith("2 categories have fewer than 122 examples")
    assert "no violation of unheard-of" in unknown
    assert repeated.startswith("7 of ")


def test_defaults_fill_what_a_version_does_not_name() -> None:
    array = as_array(BASE, ("cure", "other"))
    assert array.tolist() == [[0.7, 0.6, OFF], [0.8, 0.8, OFF]]


@given(st.integers(0, 50), st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=15, deadline=None)
def test_what_is_proposed_can_be_put_in_force(seed: int, recall: float) -> None:
    proposal = propose(collected(30, seed=seed), BASE, Wanted(recall=recall))
    content: Any = json.loads(json.dumps(proposal.content))
    thresholds = parse_thresholds(content, "")
    for place, category in enumerate(proposal.scores.categories):
        for at, signal in enumerate(SIGNALS):
            assert thresholds.of(signal, category) == proposal.proposed[place, at]


def test_the_yaml_is_a_thresholds_file_of_the_same_values() -> None:
    proposal = propose(collected(), BASE, Wanted())
    content = yaml.safe_load(thresholds_yaml(proposal, "v1"))
    parsed = parse_thresholds(content, "")
    assert parsed.encoder == "v1"
    assert parsed.content() == parse_thresholds(proposal.content, "").content()


def test_the_report_holds_everything_and_needs_nothing_else() -> None:
    made = collected()
    made.rows[0] = Labelled(2, Ad(), True, "<b>odd</b>", "row 2")
    made.similarity[0]["<b>odd</b>", "image"] = 0.5
    proposal = propose(made, BASE, Wanted())
    curves = curves_png(proposal)
    assert curves.startswith(b"\x89PNG")
    page = report_html(
        proposal, curves, encoder="v1", version="abc", state="shadow", labelled="ads.csv"
    )
    assert base64.b64encode(curves).decode() in page
    assert "<b>odd</b>" not in page
    assert "&lt;b&gt;odd" in page
    assert "http" not in page.replace(base64.b64encode(curves).decode(), "")
    assert "few: 122 bound 0.97" in page
