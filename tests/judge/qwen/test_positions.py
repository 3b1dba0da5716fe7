"""Positions are those of transformers' `get_rope_index`."""

import pytest
import torch
from transformers import Qwen2VLForConditionalGeneration

from benchmarks._plain_judge import PlainJudge
from executors.judge.qwen.positions import positions


@pytest.mark.parametrize("grid", [(2, 2), (4, 10), (12, 6), None])
@pytest.mark.parametrize("start", [0, 7])
def test_positions_are_those_of_transformers(
    plain: PlainJudge, grid: tuple[int, int] | None, start: int
) -> None:
    model: Qwen2VLForConditionalGeneration = plain.model
    seen = 0 if grid is None else grid[0] * grid[1] // 4
    before, behind = 3, 5
    length = before + seen + behind
    merged = None if grid is None else (before, (grid[0] // 2, grid[1] // 2))
    ours, free = positions(length, start, merged)
    kinds = [0] * (start + before) + [1] * seen + [0] * behind
    theirs, deltas = model.model.get_rope_index(
        torch.zeros(1, start + length, dtype=torch.long),
        mm_token_type_ids=torch.tensor([kinds]),
        image_grid_thw=None if grid is None else torch.tensor([[1, *grid]]),
    )
    assert torch.equal(torch.from_numpy(ours), theirs[:, 0, start:])
    assert free == start + length + int(deltas[0, 0])
