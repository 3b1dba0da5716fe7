"""Write grafana/dashboards/ anew, and the alerts for Kubernetes: `python -m grafana`."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.gpu import gpu
from grafana.overview import overview
from grafana.quality import quality
from grafana.rooms import encoder, gateway, judge, ledger, library

FOLDER = Path(__file__).parent / "dashboards"
RULES = Path(__file__).parent / "rules"
PROMETHEUS_RULE = Path(__file__).parents[1] / "k8s" / "components" / "monitoring" / "alerts.yaml"
BOARDS = (overview, gateway, encoder, library, judge, ledger, quality, gpu)


def files() -> dict[str, str]:
    """The text of each dashboard by its file's name."""
    made = {}
    for build in BOARDS:
        board = _mended(build().build())
        text = json.dumps(board, cls=JSONEncoder, indent=1, ensure_ascii=False)
        made[f"{build.__name__}.json"] = text + "\n"
    return made


def prometheus_rule() -> str:
    """The rules as the Prometheus operator takes them."""
    groups = [
        group
        for path in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "adjudicate", "namespace": "adjudicate"},
        "spec": {"groups": groups},
    }
    head = "# Written by `make dashboards` from grafana/rules/: change those.\n"
    return head + yaml.safe_dump(rule, sort_keys=False, allow_unicode=True, width=1_000)


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
    PROMETHEUS_RULE.write_text(prometheus_rule(), encoding="utf-8")
    print("k8s/components/monitoring/alerts.yaml")


if __name__ == "__main__":
    main()
