"""What a device's memory has free, and what an item in a pass is predicted to take of it."""

from __future__ import annotations

import pytest
import torch

from executors.shared.memory import budget, bytes_per_item, free_bytes

CPU = torch.device("cpu")


def test_the_cpus_prediction_grows_with_the_model() -> None:
    def predicted(width: int) -> float:
        tower = torch.nn.Sequential(torch.nn.Linear(8, width), torch.nn.Linear(width, 8))
        return bytes_per_item(CPU, tower, lambda n: tower(torch.zeros(n, 8)))

    assert predicted(1_000) >= 2 * 4 * 1_000
    assert predicted(2_000) > 1.9 * predicted(1_000)
    assert 0 < budget(CPU, 0.4) < budget(CPU, 0.8)


def test_what_is_free_is_no_more_than_a_container_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    plenty = free_bytes(CPU)
    monkeypatch.setattr("executors.shared.cgroup.free_bytes", lambda: plenty / 4)
    assert free_bytes(CPU) == plenty / 4
    assert budget(CPU, 0.5) == plenty / 8


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_what_others_hold_on_a_gpu_is_not_free_and_what_we_cache_is() -> None:
    cuda = torch.device("cuda")
    torch.cuda.empty_cache()
    before = free_bytes(cuda)
    held = torch.empty(2**28, dtype=torch.uint8, device="cuda")
    assert free_bytes(cuda) == pytest.approx(before - 2**28, abs=2**22)
    del held  # the allocator keeps it
    assert free_bytes(cuda) == pytest.approx(before, abs=2**22)
