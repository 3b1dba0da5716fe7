"""The int8 export: agrees with the model, is a version of its own, is refused where it is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
pytest.importorskip("onnx", reason="the extra `onnx` is not installed")

from typer.testing import CliRunner

from adjudicate.cli.app import app
from adjudicate.errors import ConfigurationError
from executors.encoder.model import ClipEncoder, load
from executors.encoder.onnx_export import export
from executors.shared.settings import ROOT, EncoderSettings
from tests.encoder.random_clip import pictures

SHIPPED = str(ROOT / "models" / "clip")
TEXTS = ["Cures diabetes in 7 days", "七天治愈糖尿病", "A cup of tea"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onnx") / "clip"
    found = export(SHIPPED, "", folder, pictures(4))
    assert {one.tower for one in found} == {"image", "text"}
    assert min(one.least_cosine for one in found) >= 0.97
    assert all(one.int8_ms > 0 for one in found)
    return folder


def served(folder: Path, model: str = SHIPPED, **changes: str) -> ClipEncoder:
    return load(EncoderSettings(model=model, backend="onnx", onnx=folder, **changes))


def test_it_says_what_the_model_says_under_a_version_of_its_own(exported: Path) -> None:
    int8 = served(exported)
    stock = load(EncoderSettings(model=SHIPPED, device="cpu", precision="fp32"))
    for n in (1, 3, 7):
        images = pictures(n)
        ours, theirs = int8.encode_images(images), stock.encode_images(images)
        assert ours.shape == theirs.shape
        assert (ours * theirs).sum(axis=1).min() >= 0.97
    assert (int8.encode_texts(TEXTS) * stock.encode_texts(TEXTS)).sum(axis=1).min() >= 0.97
    assert np.linalg.norm(int8.encode_texts(TEXTS), axis=1) == pytest.approx(1, abs=1e-5)
    assert int8.precision == "int8"
    assert int8.version != stock.version
    assert int8.logit_scale == pytest.approx(stock.logit_scale)


def test_what_agrees_too_little_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"keeps a cosine of only .* nothing was written"):
        export(SHIPPED, "", tmp_path / "clip", least_cosine=0.9999999)
    assert list(tmp_path.iterdir()) == []


def test_an_export_of_another_model_is_refused(exported: Path, small_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="was exported from clip-"):
        served(exported, str(small_folder))
    with pytest.raises(ConfigurationError, match="int8 on the CPU"):
        served(exported, precision="bf16")


def test_a_folder_that_is_no_export_is_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="export-onnx"):
        served(tmp_path)
    broken = shutil.copytree(exported, tmp_path / "broken")
    (broken / "text.onnx").write_bytes(b"none")
    with pytest.raises(ConfigurationError, match="cannot be loaded"):
        served(broken)


def test_the_command_reports_the_agreement(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["encoder", "export-onnx", str(tmp_path / "clip")])
    assert done.exit_code == 0, done.output
    assert "mean cosine" in done.output
    assert (tmp_path / "clip" / "image.onnx").is_file()
