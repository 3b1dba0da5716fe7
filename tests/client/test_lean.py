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


@pytest.mark.parametrize("room", ["gateway", "ledger"])
def test_a_room_without_a_model_does_without_torch(room: str) -> None:
    imports = f"import adjudicate.cli, executors.{room}.executor"
    assert printed(f"{imports}; print('torch' in sys.modules)") == "False"


def test_a_room_with_a_model_still_gets_torch() -> None:
    imports = "import adjudicate.cli, docarray, torch"
    assert printed(f"{imports}; print(torch.ones(2).sum().item())") == "2.0"


def test_a_program_that_uses_the_package_keeps_docarrays_tensors() -> None:
    imports = "import adjudicate; adjudicate.Ad; from docarray.typing import TorchTensor"
    assert printed(f"{imports}; print(TorchTensor.__name__)") == "TorchTensor"
