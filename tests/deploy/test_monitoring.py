"""The alert rules and the dashboard, checked by promtool, and against the metrics that Holdfast documents."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/monitoring/alerts.yaml"
DASHBOARD = ROOT / "deploy/monitoring/grafana-dashboard.json"
SH = shutil.which("sh") or "/bin/sh"
METRIC = re.compile(r"\bholdfast_\w+")
DOCUMENTED = set(METRIC.findall((ROOT / "docs/reference/metrics.md").read_text()))


@pytest.fixture(scope="module")
def promtool() -> str:
    output = subprocess.run([SH, ROOT / "tools/prometheus.sh"], capture_output=True, text=True, check=True).stdout
    return output.splitlines()[-1]


def run(*command: str | Path) -> None:
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    """Return the queries of the dashboard, with Grafana's variable replaced."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [query.replace("$__rate_interval", "5m") for query in queries]


def test_promtool_accepts_the_alert_rules_and_their_tests(promtool: str):
    run(promtool, "check", "rules", RULES)
    run(promtool, "test", "rules", ROOT / "tests/deploy/alert_rules.yaml")


def test_promtool_accepts_the_queries_of_the_dashboard(promtool: str, tmp_path: Path):
    records = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(expressions())]
    assert len(records) > 10
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": records}]}))
    run(promtool, "check", "rules", file)


def test_alerts_and_dashboard_use_only_metrics_that_exist():
    metrics = {name for text in (*expressions(), *(rule["expr"] for rule in rules())) for name in METRIC.findall(text)}
    assert metrics <= DOCUMENTED


def test_each_alert_has_a_severity_a_summary_and_says_what_to_do():
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_panels_of_the_dashboard_do_not_overlap():
    cells: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        area = panel["gridPos"]
        own = {(x, y) for x in range(area["x"], area["x"] + area["w"]) for y in range(area["y"], area["y"] + area["h"])}
        assert not cells & own
        assert area["x"] + area["w"] <= 24
        cells |= own
