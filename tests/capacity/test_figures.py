"""Figures: those shipped, and those of whoever asks."""

from __future__ import annotations

from pathlib import Path

import pytest

from adjudicate.capacity.figures import figures_of, shipped


def test_every_shipped_figure_says_how_it_is_known_and_from_where() -> None:
    known = shipped()
    for name in known:
        one = known.of(name)
        assert one.kind in ("measured", "published", "assumed"), name
        assert one.unit, name
        assert one.means, name
        assert one.source, name


def test_what_is_measured_names_its_command_or_its_page() -> None:
    known = shipped()
    root = Path(__file__).resolve().parents[2]
    for name in (name for name in known if known.of(name).kind == "measured"):
        source = known.of(name).source
        page = root / source.partition(":")[0]
        assert source.startswith("make bench NAME=scale") or page.is_file(), name


def test_no_time_on_a_gpu_is_said_to_be_measured() -> None:
    known = shipped()
    assert {known.of(name).kind for name in known if name.endswith("gpu_ms")} == {"published"}


def test_a_file_goes_before_what_is_shipped_and_an_option_before_both(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.write_text(
        "encoder.gpu_ms: 2.1\njudge.gpu_ms: { value: 150, source: 'our L40S, May' }\n"
        "ledger.cpu_ms: 0.4\n"
    )
    known = figures_of(file, ["ledger.cpu_ms=0.3"])
    assert (known["encoder.gpu_ms"], known["judge.gpu_ms"], known["ledger.cpu_ms"]) == (
        2.1,
        150,
        0.3,
    )
    assert known.of("encoder.gpu_ms").source == "mine.yml"
    assert known.of("judge.gpu_ms").source == "our L40S, May"
    assert known.of("ledger.cpu_ms").source == "--set"
    assert known.of("ledger.cpu_ms").kind == "given"
    assert known["gateway.cpu_ms"] == shipped()["gateway.cpu_ms"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("encoder.gpu=2", "encoder.gpu is no figure"),
        ("encoder.gpu_ms", "not NAME=VALUE"),
        ("encoder.gpu_ms=fast", "not NAME=VALUE"),
        ("encoder.gpu_ms=-1", "not NAME=VALUE"),
        ("encoder.gpu_ms=nan", "not NAME=VALUE"),
        ("plan.utilisation=0", "plan.utilisation must be above 0"),
        ("cpu_node.memory_gib=0", "cpu_node.memory_gib must be above 0"),
        ("workload.flagged_share=2", "is a share, 0 to 1, not 2"),
        ("judge_node.gpus=0.5", "is a whole number, not 0.5"),
    ],
)
def test_a_change_that_cannot_be_is_one_sentence(change: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        figures_of(changes=[change])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1\n", "must name figures"),
        ("a: [\n", "is not YAML"),
        ("encoder.gpu_ms: quick\n", "encoder.gpu_ms: "),
        ("encoder.gpu_ms: { value: 1, sorce: x }\n", "encoder.gpu_ms: Extra inputs"),
        ("no.such: 1\n", "no.such is no figure"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.yml"
    file.write_text(text)
    with pytest.raises(ValueError, match=said) as told:
        figures_of(file)
    assert "\n" not in str(told.value)
