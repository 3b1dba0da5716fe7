"""Search of the exemplars, derived from SQL: exact by default, approximate and audited at will.

A missed exemplar is a violation that runs: the default index misses none.
"""

from executors.library.index.base import (
    Floors,
    Hit,
    MakeIndex,
    Mask,
    Modality,
    VectorIndex,
    Vectors,
)
from executors.library.index.exact import ExactIndex
from executors.library.index.following import KEPT, FollowingIndex
from executors.library.index.making import make_indexes
from executors.library.index.snapshot import Entries, Snapshot

__all__ = [
    "KEPT",
    "Entries",
    "ExactIndex",
    "Floors",
    "FollowingIndex",
    "Hit",
    "MakeIndex",
    "Mask",
    "Modality",
    "Snapshot",
    "VectorIndex",
    "Vectors",
    "make_indexes",
]
