"""Something to see for whoever follows the tries of callbacks."""

import contextlib
import threading
from collections.abc import Iterator

from world import Server, eventually

_DELIVERIES = "/management/callbacks/deliveries"


def oldest(server: Server, count: int) -> list[str]:
    """The ids of so many deliveries, once all there are have arrived."""

    def found() -> list[str] | None:
        listed = server.http.get(_DELIVERIES, params={"limit": 1000}).json()
        is_over = all(each["status"] == "delivered" for each in listed)
        ids = [each["delivery_id"] for each in listed]
        return ids[-count:] if is_over and len(ids) >= count else None

    return list(eventually(found))


@contextlib.contextmanager
def resending(server: Server, count: int) -> Iterator[None]:
    """The oldest deliveries again and again, each about as often as any other."""
    ids, stopped = oldest(server, count), threading.Event()

    def resend() -> None:
        while not stopped.is_set():
            for each in ids:
                server.http.post(f"{_DELIVERIES}/{each}/resend").raise_for_status()

    thread = threading.Thread(target=resend)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
