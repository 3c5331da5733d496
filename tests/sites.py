"""Sites of others, whose pages embed or load something of the server's."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Site:
    def __init__(self) -> None:
        self._pages: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, headers = site._pages.get(self.path, (b"", NO_HEADERS))
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def page(self, html: str, headers: Mapping[str, str] = NO_HEADERS) -> str:
        """Where it is."""
        path = f"/page{len(self._pages)}"
        document = f'<!doctype html><meta charset="utf-8"><title>A site</title>{html}'
        self._pages[path] = document.encode(), headers
        return self.url + path


@contextlib.contextmanager
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        made.server.server_close()
        thread.join()
