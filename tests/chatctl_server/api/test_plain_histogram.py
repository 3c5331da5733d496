"""What is counted here is shown as prometheus_client shows it."""

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest

from chatctl_server.api.metrics import PlainHistogram

BOUNDS = (0.001, 0.5, 1, 64)


@pytest.mark.parametrize("values", [[], [0.5], [0.0005, 0.001, 0.0011, 0.75, 1, 2, 64, 65, 1e9]])
def test_the_same_lines(values: list[float]) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    histogram = Histogram("taken_seconds", "How long it took", buckets=BOUNDS, registry=theirs)
    plain = PlainHistogram("taken_seconds", "How long it took", buckets=BOUNDS, registry=ours)
    for value in values:
        histogram.observe(value)
        plain.observe(value)
    lines = [line for line in generate_latest(theirs).splitlines() if b"_created" not in line]
    assert generate_latest(ours).splitlines() == lines
