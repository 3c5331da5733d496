"""People who sign up and sign in at a server, each with a client of their own."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import world
from world import Server

PASSWORD = "correct horse battery"


@contextlib.contextmanager
def page(server: Server, **headers: str) -> Iterator[httpx.Client]:
    """As a browser has it: it keeps cookies, and shows nothing else of its own accord."""
    hooks: Any = {"response": [world._check_declared]}
    with httpx.Client(
        base_url=server.url,
        headers=headers,
        timeout=30,
        trust_env=False,
        verify=world.NO_TLS,
        event_hooks=hooks,
    ) as client:
        yield client


def email(name: str) -> str:
    return f"{name.lower()}@example.org"


def sign_up(server: Server, name: str, **more: Any) -> dict[str, Any]:
    """What the answer says."""
    body = {"fullname": name, "email": email(name), "password": PASSWORD, **more}
    with page(server) as client:
        answer = client.post("/api/signup", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def sign_in(server: Server, name: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
    body = {"email": email(name), "password": password}
    with page(server, **headers) as client:
        return client.post("/api/signin", json=body)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask(
    server: Server, method: str, path: str, token: str | None = None, **more: Any
) -> httpx.Response:
    """With an access token or a refresh token, and no cookie."""
    with page(server, **(bearer(token) if token else {})) as client:
        return client.request(method, path, **more)
