"""Random CLIP models, made once a session."""

from __future__ import annotations

from pathlib import Path

import open_clip
import pytest
import torch

from executors.encoder.model import ClipEncoder, load
from executors.shared.settings import EncoderSettings
from tests.encoder.random_clip import SMALL, save_random


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of seconds, fp16 on disk as the shipped one."""
    return save_random(tmp_path_factory.mktemp("clip") / "small", SMALL, torch.float16)


@pytest.fixture(scope="session")
def vit_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random ViT-B-32."""
    config = open_clip.get_model_config("ViT-B-32")
    return save_random(tmp_path_factory.mktemp("clip") / "vit-b-32", config)


@pytest.fixture(scope="session")
def small(small_folder: Path) -> ClipEncoder:
    return load(EncoderSettings(model=str(small_folder), precision="fp32"))
