"""The dashboard and the alerts of docs/monitoring ask for what /metrics really says."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import yaml
from documents import ROOT, read
from prometheus_client.parser import text_string_to_metric_families
from world import Server, eventually, running

PAGE = read("docs/monitoring.md")
DASHBOARD: dict[str, Any] = json.loads(read("docs/monitoring/grafana.json"))
RULES: list[dict[str, Any]] = yaml.safe_load(read("docs/monitoring/alerts.yml"))["groups"][0][
    "rules"
]
NOT_OURS = {"up"}  # Prometheus's own
GIVEN = {"job", "instance", "le"}  # by Prometheus, and of the buckets
Values = dict[str, set[str]]  # by label


class Asked(NamedTuple):
    """``where``: the panel or the alert. ``legend`` may show labels, too."""

    where: str
    expression: str
    legend: str = ""


def panels() -> Iterator[Asked]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield Asked(panel["title"], target["expr"], target["legendFormat"])


def alerts() -> Iterator[Asked]:
    for rule in RULES:
        shown = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"{{\1}}", rule["annotations"]["summary"])
        yield Asked(rule["alert"], rule["expr"], shown)


ASKED = [*panels(), *alerts()]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Values]:
    """By the names of the figures, of a server that has tried to call back."""
    url = "http://127.0.0.1:9/nobody"
    with running(tmp_path_factory.mktemp("asked"), ROOM_EVENT_CALLBACK_URL=url) as server:
        server.create_room().join("anna").say("hello")
        return eventually(lambda: _when_tried(server))


def _when_tried(server: Server) -> dict[str, Values] | None:
    found: dict[str, Values] = {}
    for family in text_string_to_metric_families(server.http.get("/metrics").text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, defaultdict(set))
            for name, value in sample.labels.items():
                labels[name].add(value)
    return found if "chatctl_callback_latency_seconds_bucket" in found else None


def names(expression: str) -> set[str]:
    """Of figures: what is neither a label, a word of the language nor a text."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\b(?:by|without) \([^)]*\)|\[[^\]]*\]', "", expression)
    return {word for word in re.findall(r"[a-z]\w+(?! *\()\b", bare) if "_" in word or word == "up"}


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.where)
def test_every_figure_and_label_is_there(asked: Asked, said: dict[str, Values]) -> None:
    found = names(asked.expression)
    assert found, asked
    assert found - NOT_OURS <= set(said), asked
    there = {label for name in found - NOT_OURS for label in said[name]} | GIVEN
    used = re.findall(r"\{\{(\w+)\}\}", asked.legend)
    for listed in re.findall(r"\bby \(([^)]*)\)", asked.expression):
        used += listed.split(", ")
    for label, sign, value in re.findall(r'(\w+)(=~?)"([^"]*)"', asked.expression):
        used.append(label)
        values = {each for name in found - NOT_OURS for each in said[name].get(label, ())}
        assert label in GIVEN or sign == "=~" or value in values, asked
    assert set(used) <= there, asked


def test_the_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    listed = re.findall(r"^\| `(Chatctl\w+)` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)
    assert listed == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert re.fullmatch(r"\d+m", rule.get("for", "1m"))


def test_the_page_is_found_from_the_readme() -> None:
    assert "(docs/monitoring.md)" in read("README.md")
    assert (ROOT / "docs/monitoring/alerts.yml").exists()
