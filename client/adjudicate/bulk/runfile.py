"""`decisions.jsonl.run.json`: whose decisions the out file holds."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class RunFile:
    """The run that an out file belongs to. `run` is a part of each ad's idempotency key."""

    input: dict[str, str | int]
    options: dict[str, str]
    """What is said of the ads on the command line."""
    run: str = field(default_factory=lambda: uuid.uuid4().hex)
    finished: bool = False

    def check(self, now: RunFile, out: Path) -> None:
        """Raises `ValueError` unless `now` has the same input and options."""
        what = "another input" if self.input != now.input else "other options"
        if self.input == now.input and self.options == now.options:
            return
        pairs = (self.input, now.input) if self.input != now.input else (self.options, now.options)
        raise ValueError(
            f"{out} holds decisions of {what}: {_difference(*pairs)}. "
            "Name another --out, or begin anew with --restart."
        )

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        part = path.with_name(f"{path.name}.part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(asdict(self), file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


def load(path: Path) -> RunFile | None:
    """The one that is there. Raises `ValueError` for a file that cannot be read as one."""
    try:
        return RunFile(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        raise ValueError(f"{path} cannot be read; remove it with its out file.") from None


def _difference(then: dict[str, Any], now: dict[str, Any]) -> str:
    changed = [name for name in (*then, *now) if then.get(name) != now.get(name)]
    name = changed[0]
    return f"{name} was {then.get(name, 'not given')} and is {now.get(name, 'not given')}"
