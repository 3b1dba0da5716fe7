"""Tables row by row: pandas, polars and pyarrow by what they can do; none of them is imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

ROWS_AT_ONCE = 64
"""Of an Arrow table: its pictures are copied into Python objects."""


class PandasFrame(Protocol):
    """`pandas.DataFrame`."""

    @property
    def columns(self) -> Any: ...

    def itertuples(self, index: bool = ..., name: str | None = ...) -> Any: ...


class PolarsFrame(Protocol):
    """`polars.DataFrame`."""

    def iter_rows(self, *, named: Any = ..., buffer_size: int = ...) -> Any: ...


class ArrowTable(Protocol):
    """`pyarrow.Table` and `pyarrow.RecordBatch`."""

    @property
    def num_rows(self) -> int: ...

    def slice(self, offset: int = ..., length: int | None = ...) -> Any: ...

    def to_pylist(self) -> list[Any]: ...


Table = PandasFrame | PolarsFrame | ArrowTable


def is_table(thing: Any) -> bool:
    """Whether `rows_of` can read it."""
    return any(hasattr(thing, name) for name in ("itertuples", "iter_rows", "to_pylist"))


def rows_of(table: Any) -> Iterator[dict[str, Any]]:
    """Each row by its columns' names, a few rows in memory at a time."""
    if hasattr(table, "itertuples"):
        columns = [str(name) for name in table.columns]
        for values in table.itertuples(index=False, name=None):
            yield dict(zip(columns, values, strict=True))
    elif hasattr(table, "iter_rows"):
        yield from table.iter_rows(named=True)
    else:
        for start in range(0, table.num_rows, ROWS_AT_ONCE):
            yield from table.slice(start, ROWS_AT_ONCE).to_pylist()
