"""Where tokens stand for Qwen2-VL's rotary embedding: in time, in height and in width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from executors.judge.qwen.vision import Grid

Places = NDArray[np.int64]


def positions(length: int, start: int, picture: tuple[int, Grid] | None) -> tuple[Places, int]:
    """Return the positions `[3, length]` of tokens behind `start` others, and the next free one.

    `picture` is the place of its first token among the `length`, and its grid of merged patches.
    Text advances all three alike; a picture's tokens share their time and count rows and columns,
    and what follows goes on behind the largest of them (arXiv 2409.12191, section 2.1;
    `Qwen2VLModel.get_rope_index`).
    """
    if picture is None:
        line = np.arange(start, start + length)
        return np.broadcast_to(line, (3, length)).copy(), start + length
    first, (rows, columns) = picture
    seen = rows * columns
    places = np.empty((3, length), dtype=np.int64)
    places[:, :first] = np.arange(start, start + first)
    at = start + first
    places[0, first : first + seen] = at
    places[1, first : first + seen] = at + np.repeat(np.arange(rows), columns)
    places[2, first : first + seen] = at + np.tile(np.arange(columns), rows)
    behind = at + max(rows, columns)
    rest = length - first - seen
    places[:, first + seen :] = np.arange(behind, behind + rest)
    return places, behind + rest
