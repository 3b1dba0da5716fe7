"""The tower sees what transformers' own sees, from half of the pixels."""

import torch
from torch import nn

from benchmarks._plain_judge import PlainJudge
from executors.judge.qwen.engine import Engine
from executors.judge.qwen.vision import FoldedPatchEmbed, see


def test_over_equal_frames_the_folded_embedding_is_the_convolution() -> None:
    torch.manual_seed(0)
    conv = nn.Conv3d(3, 8, (2, 14, 14), (2, 14, 14), bias=False)
    frame = torch.randn(5, 3, 1, 14, 14)
    expected = conv(frame.expand(-1, -1, 2, -1, -1)).flatten(1)
    found = FoldedPatchEmbed(conv.weight)(frame.flatten(1))
    assert torch.allclose(found, expected, atol=1e-6)


@torch.inference_mode()
def test_pictures_of_several_shapes_are_seen_as_by_the_stock_tower(
    engine: Engine, plain: PlainJudge
) -> None:
    torch.manual_seed(0)
    grids = [(4, 6), (2, 2), (4, 6), (8, 4)]
    patches = torch.randn(sum(rows * columns for rows, columns in grids), 3, 1, 14 * 14)
    twice = patches.expand(-1, -1, 2, -1).flatten(1)
    visual = plain.model.model.visual
    expected = visual(twice, grid_thw=torch.tensor([(1, *grid) for grid in grids])).pooler_output
    found = see(engine.loaded.model.model.visual, patches.flatten(1), grids)
    assert torch.allclose(found, expected, atol=1e-4)
