"""What administrators ask of callbacks, of servers that reach receivers of this machine."""

from typing import Any

from hooks import QUIET
from world import Server, eventually

LOCAL = {
    **QUIET,
    "CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
    "CALLBACK_BACKOFF": "fixed",
    "CALLBACK_MAX_RETRIES": "0",
}
LATE = {**LOCAL, "CALLBACK_MAX_RETRIES": "2", "CALLBACK_RETRY_DELAY_SECONDS": "3600"}


class Admin:
    """Asks the routes of callbacks; each answer is the expected one."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def ask(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        answer = self.server.http.request(method, f"/management/callbacks{path}", **more)
        assert answer.status_code == status, answer.text
        return answer.json()

    def add(self, url: str, *events: str, **more: Any) -> dict[str, Any]:
        body = {"url": url, "events": events or ("ban.*",), **more}
        return dict(self.ask("POST", "", 201, json=body))

    def change(self, endpoint: dict[str, Any], **changes: Any) -> dict[str, Any]:
        return dict(self.ask("PATCH", f"/{endpoint['endpoint_id']}", json=changes))

    def named(self, kind: str) -> dict[str, Any]:
        """The endpoint of the settings."""
        (found,) = [each for each in self.ask("GET", "") if each["kind"] == kind]
        return dict(found)

    def resend(self, delivery: dict[str, Any]) -> dict[str, Any]:
        return dict(self.ask("POST", f"/deliveries/{delivery['delivery_id']}/resend"))

    def deliveries(
        self, endpoint: dict[str, Any] | None = None, **query: Any
    ) -> list[dict[str, Any]]:
        asked = query if endpoint is None else {"endpoint_id": endpoint["endpoint_id"], **query}
        return list(self.ask("GET", "/deliveries", params=asked))

    def recover(self, **body: Any) -> dict[str, Any]:
        return dict(self.ask("POST", "/recover", json={"since": 0, **body}))

    def finished(self, endpoint: dict[str, Any], count: int = 1) -> list[dict[str, Any]]:
        """Its deliveries, once there are so many and none is pending."""

        def found() -> list[dict[str, Any]]:
            made = self.deliveries(endpoint)
            is_over = len(made) >= count and all(each["status"] != "pending" for each in made)
            return made if is_over else []

        return list(eventually(found))
