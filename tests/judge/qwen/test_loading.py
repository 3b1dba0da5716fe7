"""Loading: one clear sentence when the model cannot serve, and the shipped one as it is."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from adjudicate.errors import ConfigurationError
from executors.judge.model_config import ModelConfig, read_model_config
from executors.judge.qwen import loading
from executors.judge.qwen.loading import load
from executors.shared.settings import ROOT, JudgeSettings

SHIPPED = ROOT / "models" / "judge"


def test_a_missing_model_is_one_sentence_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="ADJUDICATE_JUDGE__MODEL") as error:
        load(JudgeSettings(model=str(tmp_path)))
    assert "\n" not in str(error.value)


def test_pickled_weights_are_refused(small_folder: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(small_folder, pickled)
    weights = pickled / "model.safetensors"
    torch.save({}, pickled / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(ConfigurationError, match="safetensors"):
        load(JudgeSettings(model=str(pickled), device="cpu"))


@pytest.mark.parametrize("device", ["gpu", "cuda:7", "cuda"])
def test_a_device_that_is_not_there_is_refused(small_folder: Path, device: str) -> None:
    if device.startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigurationError, match="ADJUDICATE_JUDGE__DEVICE"):
        load(JudgeSettings(model=str(small_folder), device=device))


def test_a_model_with_a_sliding_window_is_refused(small_folder: Path, tmp_path: Path) -> None:
    sliding = tmp_path / "sliding"
    shutil.copytree(small_folder, sliding)
    config = json.loads((sliding / "config.json").read_text())
    config["text_config"] |= {"use_sliding_window": True, "sliding_window": 8, "layer_types": None}
    config["text_config"]["max_window_layers"] = 0
    (sliding / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigurationError, match="sliding window"):
        load(JudgeSettings(model=str(sliding), device="cpu"))


def test_a_model_without_a_judge_config_is_asked_in_full(tmp_path: Path) -> None:
    assert read_model_config(tmp_path) == ModelConfig()
    assert read_model_config(tmp_path).prompt == "full"


@pytest.mark.parametrize("content", ["{", '{"prompt": "long"}', '{"temperature": 0}', '{"a": 1}'])
def test_a_wrong_judge_config_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "judge_config.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"judge_config\.json"):
        read_model_config(tmp_path)


def test_the_version_follows_the_files(small_folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(small_folder, copy)
    versions = [
        load(JudgeSettings(model=str(path), device="cpu")).version for path in (small_folder, copy)
    ]
    assert versions[0] == versions[1]
    config = ModelConfig(prompt="full", temperature=2.0).model_dump_json()
    (copy / "judge_config.json").write_text(config)
    assert load(JudgeSettings(model=str(copy), device="cpu")).version != versions[0]


def test_large_weights_of_the_same_size_that_were_tuned_are_another_version(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_HASHED_WHOLE", 10_000)
    copy = tmp_path / "tuned"
    shutil.copytree(small_folder, copy)
    tuned = load_file(copy / "model.safetensors")
    tuned = {name: tensor * 1.001 for name, tensor in tuned.items()}
    save_file(tuned, copy / "model.safetensors", metadata={"format": "pt"})
    one, other = (small_folder / "model.safetensors", copy / "model.safetensors")
    assert one.stat().st_size == other.stat().st_size
    versions = {
        load(JudgeSettings(model=str(path), device="cpu")).version for path in (small_folder, copy)
    }
    assert len(versions) == 2


def test_settings_go_before_the_models_own(small_folder: Path) -> None:
    loaded = load(JudgeSettings(model=str(small_folder), device="cpu", max_new_tokens=3))
    assert loaded.config.max_new_tokens == 3
    assert loaded.config.prompt == "full"


def test_the_shipped_model_is_small_readable_by_all_and_has_its_card() -> None:
    weights = SHIPPED / "model.safetensors"
    assert weights.stat().st_size <= 10_000_000
    for path in SHIPPED.iterdir():
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o444 == 0o444
    assert "Apache-2.0" in (SHIPPED / "CARD.md").read_text(encoding="utf-8")
    assert json.loads((SHIPPED / "judge_config.json").read_text())["prompt"] == "compact"


def test_the_shipped_model_runs_in_fp32_on_a_cpu() -> None:
    loaded = load(JudgeSettings(device="cpu"))
    assert loaded.precision == "fp32"
    assert loaded.model.lm_head.weight.dtype == torch.float32
