"""A model's files before they are loaded: nothing that could run, nothing that was changed."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from adjudicate.errors import ConfigurationError

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
"""Formats that run code when they are read."""

READ = (".json", ".safetensors", ".jinja", ".txt", ".model")
"""What loading may read, whatever else lies beside it."""

_HASHERS = 4
_HEADER_MOST = 100_000_000
_BYTES = {"fp32": 4.0, "bf16": 2.0, "fp16": 2.0}
_QUANTIZED = {"int8": 1.0, "int4": 0.5625}
"""Bytes per weight of a matrix; int4 with a 4-byte scale for every 64."""


def files_of(folder: Path) -> list[Path]:
    """Return the files that loading may read, relative to `folder`, by name."""
    return sorted(path.relative_to(folder) for path in _all(folder) if path.suffix in READ)


def refuse_code(folder: Path) -> None:
    """Raise `ConfigurationError` where loading could run code, or where there are no weights."""
    for path in _all(folder):
        if path.suffix.lower() in PICKLES:
            raise ConfigurationError(
                f"{path} is a pickle, which runs code when it is read: remove it and use the "
                "model's safetensors files."
            )
        if path.suffix == ".json" and "auto_map" in _keys(path):
            raise ConfigurationError(
                f"{path} asks for code of its own (auto_map), which is never run: use a model that "
                "transformers knows."
            )
    if not any(folder.glob("*.safetensors")):
        raise ConfigurationError(f"{folder} holds no weights: there is no *.safetensors in it.")


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that loading may read, by its name.

    About 0.6 s of one core per gigabyte; several files at a time.
    """
    files = files_of(folder)
    with ThreadPoolExecutor(_HASHERS) as pool:
        found = pool.map(_sha256, [folder / file for file in files])
        return {file.as_posix(): digest for file, digest in zip(files, found, strict=True)}


def differences(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Return what differs from the recorded checksums, a few words a file; empty when nothing."""
    found = checksums(folder)
    return [
        *(f"{name} was changed" for name in found if found[name] != wanted.get(name, found[name])),
        *(f"{name} is missing" for name in wanted if name not in found),
        *(f"{name} was not recorded" for name in found if name not in wanted),
    ]


def weight_bytes(folder: Path, precision: str, quantization: str = "none") -> int:
    """Return the bytes that the weights take once loaded, from the headers of their files.

    Raises `ConfigurationError` for a file that is no safetensors file.
    """
    total = 0.0
    for path in sorted(folder.glob("*.safetensors")):
        for name, shape in _shapes(path):
            matrix = len(shape) == 2 and "embed" not in name and "lm_head" not in name
            each = _QUANTIZED.get(quantization) if matrix else None
            total += math.prod(shape) * (each or _BYTES[precision])
    return math.ceil(total)


def _all(folder: Path) -> Iterator[Path]:
    """Every file below `folder` that is not hidden."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and path.is_file():
            yield path


def _keys(path: Path) -> set[str]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()  # whoever reads it says what is wrong with it
    return set(data) if isinstance(data, dict) else set()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shapes(path: Path) -> Iterator[tuple[str, list[int]]]:
    """Name and shape of each tensor: 8 bytes of length, little-endian, then a JSON header."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _HEADER_MOST:
                raise ValueError
            header = json.loads(file.read(length))
        for name, tensor in header.items():
            if name != "__metadata__":
                yield name, [int(side) for side in tensor["shape"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        raise ConfigurationError(f"{path} is no safetensors file.") from None
