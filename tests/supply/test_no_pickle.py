"""Nothing that the product reads can run code: no pickle, nowhere."""

from __future__ import annotations

import os
import pickle  # noqa: TID251 - what is planted here and must not be read
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from docarray import DocList
from google.protobuf.message import DecodeError
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from adjudicate import Ad
from supply.pins import ROOT

TRACKED = subprocess.run(
    ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
).stdout.split("\0")
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".npy", ".npz")


class Planted:
    """Makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


RUNS_CODE = """\
import pickle
from pickle import loads
import dill
import cloudpickle
import joblib
import shelve
import marshal
import torch; torch.load('x', weights_only=True)
import torch; torch.jit.load('x')
import numpy as np; np.load('x')
import pandas as pd; pd.read_pickle('x')
import yaml; yaml.load('x', yaml.Loader)
import yaml; yaml.unsafe_load('x')
eval('x')
exec('x')
"""


@pytest.mark.parametrize("where", ["executors/library", "client/adjudicate", "supply", "models"])
def test_lint_refuses_what_runs_code_when_it_reads(where: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--quiet", "--no-cache"]
    chosen = ["--select", "S,TID251", "--output-format", "concise", "--stdin-filename"]
    found = subprocess.run(
        [*command, *chosen, f"{where}/planted.py", "-"],
        input=RUNS_CODE,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    refused = re.findall(r"planted\.py:(\d+):\d+: (?:TID251|S102|S307|S506) ", found.stdout)
    assert {int(line) for line in refused} == set(range(1, len(RUNS_CODE.splitlines()) + 1))


def test_no_line_of_the_product_is_excused_from_that() -> None:
    excused = [
        name
        for name in TRACKED
        if name.startswith(("client/", "executors/", "supply/", "models/")) and name.endswith(".py")
        if (ROOT / name).exists()
        if re.search(
            r"noqa(?!:)|noqa:[^-]*\b(TID251|S102|S30[1-7]|S506|S614)\b",
            (ROOT / name).read_text(encoding="utf-8"),
        )
    ]
    assert excused == []


@pytest.mark.skipif(TRACKED == [""], reason="no git checkout")
def test_no_file_of_the_repository_is_a_pickle() -> None:
    present = [ROOT / name for name in TRACKED if name and (ROOT / name).is_file()]
    assert [path.name for path in present if path.suffix in PICKLED] == []
    assert [path.name for path in present if _is_pickle(path)] == []


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(2)
    if start[:1] == b"\x80" and start[1:] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    return start == b"PK" and zipfile.is_zipfile(path) and _holds_pickle(path)


def _holds_pickle(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith((".pkl", ".npy")) for name in archive.namelist())


def test_a_pickle_is_recognized_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(pickle.dumps(Planted(tmp_path)))
    assert _is_pickle(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}))
    assert _is_pickle(path)


def test_a_pickle_sent_as_documents_is_not_read(tmp_path: Path) -> None:
    """Jina takes documents as bytes too, and docarray could read these as a pickle."""
    made = tmp_path / "made"
    sent = pickle.dumps(Planted(made))
    message = jina_pb2.DataRequestProto()
    message.data.docs_bytes = sent
    request = DataRequest(message)
    request.document_array_cls = DocList[Ad]
    with pytest.raises(DecodeError):
        _ = request.docs
    assert not made.exists()
    DocList[Ad].from_bytes(sent, protocol="pickle-array")  # what Jina must never ask for
    assert made.exists()


LOADING = """
import sys, torch, numpy

read = []
def watch(event, arguments):
    if event == "pickle.find_class":
        read.append(arguments)
sys.addaudithook(watch)

def refuse(*arguments, **named):
    raise AssertionError(f"a loader of pickles was called: {arguments}")
torch.load = torch.jit.load = torch.serialization.load = numpy.load = refuse

from executors.encoder.model import load as load_encoder
from executors.judge.qwen.loading import load as load_judge
from executors.shared.settings import EncoderSettings, JudgeSettings

before = len(read)  # of imports alone
encoder = load_encoder(EncoderSettings(device="cpu"))
judge = load_judge(JudgeSettings(device="cpu"))
assert encoder.encode_texts(["Cures diabetes"]).shape[0] == 1
print(encoder.version, judge.version, read[before:])
"""


@pytest.mark.timeout(900)
def test_both_models_are_loaded_without_a_single_pickle() -> None:
    """Python tells each class that a pickle names, whichever library reads it."""
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADING],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr[-2000:]
    assert re.fullmatch(r"clip-\w{8} \w{12} \[\]\n", found.stdout), found.stdout
