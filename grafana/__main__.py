"""Write grafana/dashboards/ anew: `python -m grafana`."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.gpu import gpu
from grafana.overview import overview
from grafana.quality import quality
from grafana.rooms import encoder, gateway, judge, ledger, library

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = (overview, gateway, encoder, library, judge, ledger, quality, gpu)


def files() -> dict[str, str]:
    """The text of each dashboard by its file's name."""
    made = {}
    for build in BOARDS:
        board = _mended(build().build())
        text = json.dumps(board, cls=JSONEncoder, indent=1, ensure_ascii=False)
        made[f"{build.__name__}.json"] = text + "\n"
    return made


def _mended(board: Dashboard) -> Dashboard:
    """Without what the SDK writes and the schema of Grafana 13 does not know."""
    for variable in board.templating.list_val:
        variable.auto = variable.auto_min = variable.auto_count = None
    for number, panel in enumerate(board.panels, start=1):
        panel.id_val = number  # else Grafana numbers them anew, and links to a panel break
        if panel.type_val == "table":
            panel.options.footer = None
    return board


def main() -> None:
    """Write them all."""
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"grafana/dashboards/{name}")


if __name__ == "__main__":
    main()
