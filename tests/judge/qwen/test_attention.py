"""Attention in parts is attention over all."""

import pytest
import torch
from torch import Tensor

from executors.judge.qwen import attention
from executors.judge.qwen.attention import attend, merge

HEAD = 16


def drawn(heads: int, length: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, heads, length, HEAD, generator=generator)


def whole(query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    return torch.softmax(query @ key.transpose(-1, -2) * 0.25 + mask, -1) @ value


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_a_prefix_and_the_rest_make_the_whole(eager: bool, kv_heads: int) -> None:
    query = drawn(4, 9, 0)
    key, value = drawn(kv_heads, 30, 1), drawn(kv_heads, 30, 2)
    shared = attend(query, key[:, :, :21], value[:, :, :21], 0.25, eager=eager)
    own = attend(query, key[:, :, 21:], value[:, :, 21:], 0.25, causal=True, eager=eager)
    mask = torch.full((9, 30), -torch.inf).triu(22)
    assert torch.allclose(merge(own, shared), whole(query, key, value, mask), atol=1e-6)


@pytest.mark.parametrize("eager", [False, True])
def test_a_mask_is_added_to_the_scores(eager: bool) -> None:
    query, key, value = drawn(4, 9, 0), drawn(2, 12, 1), drawn(2, 12, 2)
    mask = torch.zeros(1, 1, 9, 12)
    mask[..., 5:] = -torch.inf
    found = attend(query, key, value, 0.25, mask=mask, eager=eager)
    assert torch.allclose(found.values, whole(query, key, value, mask), atol=1e-6)


def test_explicit_attention_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    query, key, value = drawn(4, 33, 0), drawn(4, 33, 1), drawn(4, 33, 2)
    at_once = attend(query, key, value, 0.25, causal=True, eager=True)
    monkeypatch.setattr(attention, "SCORES", 1000)
    in_parts = attend(query, key, value, 0.25, causal=True, eager=True)
    fused = attend(query, key, value, 0.25, causal=True)
    for other in (in_parts, fused):
        assert torch.allclose(at_once.values, other.values, atol=1e-6)
        assert torch.allclose(at_once.normaliser, other.normaliser, atol=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("causal", [False, True])
def test_the_fused_kernel_of_a_gpu_says_what_the_explicit_one_says(causal: bool) -> None:
    query, key, value = (
        drawn(heads, 40, seed).cuda().half() for seed, heads in enumerate((4, 2, 2))
    )
    fused = attend(query, key, value, 0.25, causal=causal)
    explicit = attend(query, key, value, 0.25, causal=causal, eager=True)
    assert torch.allclose(fused.values, explicit.values, atol=2e-3)
    assert torch.allclose(fused.normaliser, explicit.normaliser, atol=2e-3)
