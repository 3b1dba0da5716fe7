"""Both towers in int8 on a CPU, by ONNX Runtime. The files come from `onnx_export`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from adjudicate.errors import ConfigurationError
from executors.encoder.pixels import Pixels

MANIFEST = "onnx.json"


@dataclass(frozen=True)
class Manifest:
    """What an exported folder says of itself."""

    source: str
    """The version of the model that it was exported from."""
    preprocess: dict[str, Any]
    """open_clip's `preprocess_cfg`."""
    logit_scale: float


def file_of(folder: Path, tower: str) -> Path:
    """The file of one tower, `image` or `text`."""
    return folder / f"{tower}.onnx"


def read_manifest(folder: Path) -> Manifest:
    """Raises `ConfigurationError` for a folder that is no export."""
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text()))
    except (OSError, ValueError, TypeError):
        raise ConfigurationError(
            f"ADJUDICATE_ENCODER__ONNX: {folder} holds no export; make one with "
            "'adjudicate encoder export-onnx'."
        ) from None


def fingerprint(folder: Path) -> str:
    """The first 8 hex digits of the SHA-256 of both files."""
    digest = hashlib.sha256()
    for tower in ("image", "text"):
        with file_of(folder, tower).open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:8]


class OnnxTowers:
    """See `Towers`. `threads` of ONNX Runtime's own, for one tower at a time."""

    device = torch.device("cpu")
    precision = "int8"

    def __init__(self, folder: Path, pixels: Pixels, threads: int) -> None:
        """Raises `ConfigurationError` if a file or ONNX Runtime is missing."""
        self._pixels = pixels
        self.logit_scale = read_manifest(folder).logit_scale
        self._image, self._text = (_session(file_of(folder, t), threads) for t in ("image", "text"))

    def images(self, pixels: torch.Tensor) -> torch.Tensor:
        """See `Towers`."""
        return _run(self._image, self._pixels.normalized(pixels, self.device, torch.float32))

    def texts(self, ids: torch.Tensor) -> torch.Tensor:
        """See `Towers`."""
        return _run(self._text, ids)

    def free(self) -> None:
        """See `Towers`. The arena's memory is ONNX Runtime's to keep."""

    def parts(self) -> None:
        """There are no modules."""
        return


def _session(file: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ConfigurationError(
            "ADJUDICATE_ENCODER__BACKEND=onnx needs onnxruntime: pip install 'adjudicate[onnx]'."
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait for work in a loop burn what the decoding threads could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # a broken file fails in the parser of protobuf or in the runtime
        reason = str(error).splitlines()[0]
        raise ConfigurationError(f"{file} cannot be loaded: {reason}") from error


def _run(session: Any, batch: torch.Tensor) -> torch.Tensor:
    (vectors,) = session.run(None, {"input": batch.numpy()})
    return torch.from_numpy(vectors)
