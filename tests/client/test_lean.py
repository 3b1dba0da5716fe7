"""What the service's processes do not load."""

from __future__ import annotations

import subprocess
import sys

import pytest


def printed(code: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", f"import sys; {code}"]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=120
    ).stdout.strip()


@pytest.mark.parametrize("room", ["gateway", "ledger", "judge"])
def test_a_room_without_a_model_does_without_torch(room: str) -> None:
    """The judge's may be on a server."""
    imports = f"import adjudicate.cli, executors.{room}.executor"
    assert printed(f"{imports}; print('torch' in sys.modules)") == "False"


def test_a_wrong_encoder_is_refused_before_open_clip_is_imported() -> None:
    find = "from executors.encoder.model import load; from executors.shared.settings import *"
    ask = """
try:
    load(EncoderSettings(model="no/such/folder"))
except ConfigurationError as error:
    print(error, "open_clip" in sys.modules)
"""
    imports = "import adjudicate.cli; from adjudicate.errors import ConfigurationError"
    assert printed(f"{imports}; {find}{ask}").endswith("no folder no/such/folder. False")


def test_a_room_with_a_model_still_gets_torch() -> None:
    imports = "import adjudicate.cli, docarray, torch"
    assert printed(f"{imports}; print(torch.ones(2).sum().item())") == "2.0"


def test_a_program_that_uses_the_package_keeps_docarrays_tensors() -> None:
    imports = "import adjudicate; adjudicate.Ad; from docarray.typing import TorchTensor"
    assert printed(f"{imports}; print(TorchTensor.__name__)") == "TorchTensor"
