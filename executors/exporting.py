"""What `make export` writes of flow.yml, the same each time and for today's Compose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

UNUSED_PORT = 9090
"""Of Jina's own monitor, which is off: the port that it has in every Kubernetes export."""


class Exporting:
    """Goes before `jina.Flow`."""

    def config_gateway(self, *args: Any, **kwargs: Any) -> Any:
        """As Jina's, with a fixed port where the compose export would draw one anew each time."""
        return super().config_gateway(*args, **{"port_monitoring": UNUSED_PORT, **kwargs})  # type: ignore[misc]

    def add(self, *args: Any, **kwargs: Any) -> Any:
        """As Jina's, likewise, and with no folder of the host in a container of Compose."""
        own = {"port_monitoring": UNUSED_PORT, "disable_auto_volume": True}
        return super().add(*args, **{**own, **kwargs})  # type: ignore[misc]

    def to_docker_compose_yaml(
        self, output_path: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """As Jina's, in the words of today's Compose: `$` begins a variable there, so each is
        doubled, as in the `$eq` of a condition; and `version` is obsolete."""
        file = Path(output_path or "docker-compose.yml")
        super().to_docker_compose_yaml(str(file), *args, **kwargs)  # type: ignore[misc]
        _, _, services = file.read_text(encoding="utf-8").partition("\n")
        file.write_text(services.replace("$", "$$"), encoding="utf-8")
