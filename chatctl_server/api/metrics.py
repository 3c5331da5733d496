"""Prometheus figures, in a registry of the application's own."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from chatctl_server.live.presence import Presence
from chatctl_server.live.traffic import EVICTION_REASONS, Traffic

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
Counts = Callable[[], Mapping[str, int]]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class _Totals(Collector):
    """What others count as plain numbers."""

    def __init__(
        self, traffic: Traffic, presence: Presence, drops: Counts, limited: Counts
    ) -> None:
        self._traffic = traffic
        self._presence = presence
        self._drops = drops
        self._limited = limited

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        yield from self._counted()
        streams = GaugeMetricFamily("chatctl_streams", "Open streams", labels=["kind"])
        for kind, count in self._traffic.streams.items():
            streams.add_metric([kind], count)
        yield streams

    def _counted(self) -> Iterator[CounterMetricFamily]:
        traffic, presence = self._traffic, self._presence
        for name, about, value in (
            ("chatctl_connections_opened", "Connections let in, streams too", presence.opened),
            ("chatctl_received_frames", "WebSocket frames of clients", traffic.received_frames),
            (
                "chatctl_received_bytes",
                "Bytes of WebSocket frames of clients",
                traffic.received_bytes,
            ),
            ("chatctl_sent_bytes", "Bytes of frames given to connections", traffic.sent_bytes),
        ):
            yield CounterMetricFamily(name, about, value)
        refused = {"limit": presence.refused + traffic.surplus, "rate": traffic.early}
        evicted = {reason: traffic.evictions[reason] for reason in EVICTION_REASONS}
        for name, about, label, values in (
            ("chatctl_connections_refused", "Connections refused", "reason", refused),
            (
                "chatctl_evictions",
                "Clients closed for what they did not do, or did too often",
                "reason",
                evicted,
            ),
            ("chatctl_queue_drops", "What a full queue did not take", "queue", self._drops()),
            ("chatctl_rate_limited", "Requests refused by a limit", "limit", self._limited()),
        ):
            family = CounterMetricFamily(name, about, labels=[label])
            for key, value in values.items():
                family.add_metric([key], value)
            yield family


class PlainHistogram(Collector):
    """A Histogram of prometheus_client, at a tenth of its cost, for what happens with each message.
    Only the loop's thread counts."""

    def __init__(
        self,
        name: str,
        about: str,
        *,
        buckets: Sequence[float] = _SHORT,
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._about = about
        self._bounds = buckets
        self._counts = [0] * (len(buckets) + 1)
        self._sum = 0.0
        registry.register(self)

    def observe(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def collect(self) -> Iterator[HistogramMetricFamily]:
        names = [*map(floatToGoString, self._bounds), "+Inf"]
        buckets = list(zip(names, accumulate(self._counts), strict=True))
        yield HistogramMetricFamily(self._name, self._about, buckets=buckets, sum_value=self._sum)


class Metrics:
    """A part's own figures: a line here, or ``measure``, or a collector in ``registry``."""

    def __init__(self, version: str) -> None:
        registry = self.registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.messages = counter("chatctl_messages", "Messages stored")
        self.upload_bytes = counter("chatctl_upload_bytes", "Bytes of files that were uploaded")
        self.frames = counter("chatctl_frames", "Frames of events given to connections")
        often = partial(PlainHistogram, registry=registry)
        self.batch_size = often("chatctl_commit_batch_size", "Calls in one commit", buckets=_COUNTS)
        self.commit_seconds = often("chatctl_commit_seconds", "One transaction")
        self.fanout_seconds = often("chatctl_fanout_seconds", "One slice of a flush")
        self.processing_seconds = often(
            "chatctl_message_processing_seconds", "From a message's arrival to its acknowledgement"
        )
        self.rooms = gauge("chatctl_rooms", "Open rooms")
        self.conversations = gauge(
            "chatctl_conversations", "Conversations of the support desk", ["status"]
        )
        self.conversation_wait_seconds = gauge(
            "chatctl_conversation_wait_seconds",
            "Since when the customer waits who waits longest for an answer",
        )
        build = gauge("chatctl_build_info", "The version that runs", ["version"])
        build.labels(version).set(1)
        self._requests = counter(
            "chatctl_http_requests",
            "Answers over HTTP, and upgrades",
            ["method", "route", "status"],
        )
        self._request_seconds = histogram(
            "chatctl_http_request_seconds",
            "From a request to the head of its answer",
            ["method", "route"],
            buckets=_LONG,
        )
        self._answers: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.callback_backlog = gauge(
            "chatctl_callback_backlog", "Callbacks that are pending", ["kind"]
        )
        self.callback_oldest_pending_seconds = gauge(
            "chatctl_callback_oldest_pending_seconds",
            "Since when the oldest pending callback waits",
            ["kind"],
        )
        self.callback_failed = gauge(
            "chatctl_callback_failed",
            "Callbacks that failed, and were not recovered since: chatctl callbacks recover",
            ["kind"],
        )
        self.callback_tries = counter(
            "chatctl_callback_tries", "Tries of callbacks, by what followed", ["kind", "outcome"]
        )
        self.callback_latency_seconds = histogram(
            "chatctl_callback_latency_seconds", "One try of a callback", ["kind"], buckets=_LONG
        )
        self.sign_ins = counter(
            "chatctl_sign_ins", "Sign-ins with a password, by what came of them", ["outcome"]
        )
        ProcessCollector(registry=registry)

    def measure(self, name: str, about: str, read: Callable[[], float]) -> None:
        """A figure that is read when it is asked for, in the loop's thread."""
        Gauge(name, about, registry=self.registry).set_function(read)

    def answered(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """``route``: its path with parameters in braces; None where it leads nowhere. What
        clients make up gets one name, so that nobody can fill the memory."""
        key = method if method in METHODS else OTHER, route or OTHER, status
        figures = self._answers.get(key)
        if figures is None:
            figures = self._requests.labels(*key), self._request_seconds.labels(*key[:2])
            self._answers[key] = figures
        figures[0].inc()
        figures[1].observe(seconds)

    def collect(self, traffic: Traffic, presence: Presence, drops: Counts, limited: Counts) -> None:
        """``drops``: by queue, what it did not take because it was full. ``limited``: by limit,
        the requests that it refused."""
        self.registry.register(_Totals(traffic, presence, drops, limited))

    def text(self) -> bytes:
        return generate_latest(self.registry)
