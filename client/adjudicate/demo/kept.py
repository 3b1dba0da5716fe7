"""What a demo keeps in its folder: the database and the pictures that its console shows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kept:
    """The places in a demo's folder."""

    folder: Path

    @property
    def database(self) -> Path:
        """SQLite: keys, exemplars, decisions, reviews."""
        return (self.folder / "demo.db").resolve()

    @property
    def pictures(self) -> Path:
        """The ads' pictures, by their SHA-256."""
        return (self.folder / "demo-pictures").resolve()

    def settings(self) -> dict[str, str]:
        """What points a service at them."""
        return {
            "ADJUDICATE_DATABASE": f"sqlite:///{self.database}",
            "ADJUDICATE_PICTURES": str(self.pictures),
        }

    def clear(self) -> None:
        """Remove what an earlier demo has left."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.database}{suffix}").unlink(missing_ok=True)
        if self.pictures.is_dir():
            shutil.rmtree(self.pictures)
