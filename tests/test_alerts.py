"""The alerts that the pages offer: each is set on what a server tells, and says what to do."""

import re
from typing import NamedTuple

import pytest
import yaml
from blocks import ROOT

from largesse.http.metrics import METRICS, Described
from largesse.kernel.outcome import Outcome

FOLDER = ROOT / "docs" / "how-to"
ROW = re.compile(r"^\| `(Largesse\w+)` \| `([^`]+)`(?: for (\d+ \w+))?", re.MULTILINE)
SERIES = re.compile(r"\b(largesse_[a-z_]+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)="(\w+)"')
SAID = re.compile(r"\$labels\.(\w+)")
OF_PROMETHEUS = {"instance", "job"}
"""Labels that it adds to whatever it reads."""


class Alert(NamedTuple):
    """A rule of the file."""

    name: str
    when: str
    lasting: str
    severity: str
    told: str


def alerts() -> list[Alert]:
    """All that the file has."""
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [
        Alert(
            rule["alert"],
            rule["expr"],
            rule.get("for", ""),
            rule["labels"]["severity"],
            rule["annotations"]["summary"] + rule["annotations"]["description"],
        )
        for rule in group["rules"]
    ]


def described(series: str) -> Described | None:
    """The metric to which a series belongs: of a histogram there are three."""
    found = METRICS.get(series)
    if found is not None:
        return None if found.kind == "histogram" else found
    found = METRICS.get(re.sub("_(bucket|count|sum)$", "", series))
    return found if found is not None and found.kind == "histogram" else None


def complaints(alert: Alert) -> list[str]:
    """What of an alert could never be so."""
    found = []
    labels = set(OF_PROMETHEUS)
    for series, chosen in SERIES.findall(alert.when):
        metric = described(series)
        if metric is None:
            found.append(f"{alert.name}: no server tells {series}")
            continue
        labels |= set(metric.labels)
        for label, value in LABEL.findall(chosen):
            if label not in metric.labels:
                found.append(f"{alert.name}: {series} has no label {label}")
            if label == "outcome" and value not in Outcome.__members__ and value[-5:] != "Error":
                found.append(f"{alert.name}: nothing ends as {value}")
    found += [
        f"{alert.name}: it knows no {label} to tell"
        for label in SAID.findall(alert.told)
        if label not in labels
    ]
    return found


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_is_set_on_what_there_is(alert: Alert) -> None:
    """Metrics, labels and outcomes that a server tells; how grave it is; where to look."""
    assert complaints(alert) == []
    assert alert.severity in {"critical", "warning"}


def test_the_page_has_the_same_alerts() -> None:
    """By name, when, and for how long, so that who is paged finds his row."""
    rows = ROW.findall((FOLDER / "what-if.md").read_text())
    spelled = [(name, when, re.sub(r" (\w)\w*", r"\1", lasting)) for name, when, lasting in rows]
    assert spelled == [(alert.name, alert.when, alert.lasting) for alert in alerts()]


def test_what_cannot_be_is_noticed() -> None:
    """Negative control: a metric, a part of a histogram, a label, an outcome, a word to tell."""
    for when, told in (
        ("largesse_claims_total > 0", "no server tells largesse_claims_total"),
        ("largesse_batch_seconds > 0", "no server tells largesse_batch_seconds"),
        ("largesse_wishes_waiting_bucket > 0", "no server tells largesse_wishes_waiting_bucket"),
        ('largesse_wishes_waiting{way="ledger"} > 0', "has no label way"),
        ('largesse_wishes_total{outcome="GONE"} > 0', "nothing ends as GONE"),
        ("largesse_wishes_waiting > 0", "it knows no check to tell"),
    ):
        [complaint] = complaints(Alert("A", when, "", "warning", "{{ $labels.check }}"))[:1]
        assert told in complaint
