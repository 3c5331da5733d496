"""Prometheus figures, in a registry of the application's own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SHORT = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.messages = Counter("chatctl_messages", "Messages stored", registry=registry)
        self.deliveries = Counter(
            "chatctl_deliveries", "Frames given to connections", registry=registry
        )
        self.connections = Gauge(
            "chatctl_connections", "Open WebSocket connections", registry=registry
        )
        self.active_users = Gauge(
            "chatctl_active_users", "Users connected to at least one room", registry=registry
        )
        self.batch_size = Histogram(
            "chatctl_commit_batch_size", "Calls in one commit", registry=registry, buckets=_COUNTS
        )
        self.commit_seconds = Histogram(
            "chatctl_commit_seconds", "One transaction", registry=registry, buckets=_SHORT
        )
        self.fanout_seconds = Histogram(
            "chatctl_fanout_seconds", "One slice of a flush", registry=registry, buckets=_SHORT
        )
        self.processing_seconds = Histogram(
            "chatctl_message_processing_seconds",
            "From a message's arrival to its acknowledgement",
            registry=registry,
            buckets=_SHORT,
        )
        self.loop_lag_seconds = Gauge(
            "chatctl_loop_lag_seconds", "How late the event loop runs timers", registry=registry
        )
        self.writer_backlog = Gauge(
            "chatctl_writer_backlog", "Calls waiting for the writer", registry=registry
        )
        ProcessCollector(registry=registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)
