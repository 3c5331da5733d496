"""Where a server listens: which addresses may be named, and the link to one."""

import re
import ssl
from functools import partial
from ipaddress import ip_address

import httpx

from chatctl.link.client import Link
from chatctl.shell import failures


def over_tcp(url: httpx.URL, key: str | None) -> Link:
    # The system's certificates; without TLS the context is not worth its start-up time.
    verify = ssl.create_default_context() if url.scheme == "https" else False
    streaming = partial(httpx.AsyncHTTPTransport, verify=verify)
    transport = httpx.HTTPTransport(verify=verify)
    return Link(str(url), transport, streaming, base_url=str(url), api_key=key)


def over_socket(path: str, pid: int) -> Link:
    streaming = partial(httpx.AsyncHTTPTransport, uds=path, verify=False)
    transport = httpx.HTTPTransport(uds=path, verify=False)
    return Link(f"the server (pid {pid})", transport, streaming)


def server_url(address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise failures.usage(f"--server: '{address}' is no URL: {error}") from None
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        meant = address if re.fullmatch(r"[\w.-]+(:\d+)?", address) else "127.0.0.1:3000"
        raise failures.usage(
            f"--server: '{address}' is not the URL of a server", f"--server http://{meant}"
        )
    if url.userinfo:
        raise failures.usage(
            "--server: a URL with a user or password is visible to everyone on this machine",
            "--api-key-file FILE",
        )
    return url


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
