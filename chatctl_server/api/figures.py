"""The figures that are read when ``/metrics`` is asked for them."""

from chatctl_server.api.context import Context


def measure(context: Context) -> None:
    """A figure of another part is a line here, or its own call of ``Metrics.measure``."""
    presence, store, measured = context.presence, context.store, context.metrics.measure
    measured("chatctl_connections", "Open connections, streams too", lambda: presence.connections)
    measured(
        "chatctl_active_users",
        "Users connected to at least one room",
        lambda: presence.active_users,
    )
    measured(
        "chatctl_loop_lag_seconds",
        "How late the event loop ran a timer in the last 10 s, at most",
        lambda: context.timer.lag_seconds,
    )
    measured("chatctl_writer_backlog", "Calls waiting for the writer", lambda: store.backlog)
    measured(
        "chatctl_db_pool_usage_ratio",
        "How much of the busier pool of readers is in use, 0 to 1",
        lambda: store.pool_usage,
    )
    measured(
        "chatctl_database_bytes",
        "Bytes of the database's file and its write-ahead log",
        lambda: store.size_bytes,
    )
    context.metrics.collect(
        context.hub.traffic, presence, lambda: store.drops, context.limits.refused
    )
