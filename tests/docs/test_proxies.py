"""nginx and Caddy with the files in docs/deploy: clients get through, and strangers do not."""

import contextlib
import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import programs
import pytest
from documents import ROOT
from websockets.sync.client import connect
from world import KEY, Server, clean_environment, eventually, free_port, running

DEPLOY = ROOT / "docs/deploy"


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Believes a proxy on this machine."""
    directory = tmp_path_factory.mktemp("server")
    with running(directory, TRUSTED_PROXIES="127.0.0.1/32") as server:
        yield server


class Proxy:
    """A client's way through a proxy, from an address of its own."""

    def __init__(self, port: int, directory: Path) -> None:
        self.port = port
        self.directory = directory
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"X-Api-Key": KEY, "X-Forwarded-For": "8.8.8.8"},
            transport=httpx.HTTPTransport(verify=False, local_address="127.0.0.2"),
            timeout=15,
        )


@contextlib.contextmanager
def started(command: list[str], port: int, directory: Path) -> Iterator[Proxy]:
    made = Proxy(port, directory)
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=clean_environment(directory)
        )
        try:
            eventually(lambda: _accepts(port, process, directory / "log"))
            yield made
        finally:
            made.http.close()
            process.terminate()
            process.wait(15)


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(request: pytest.FixtureRequest, behind: Server) -> Iterator[Proxy]:
    with TemporaryDirectory(prefix="chatctl-") as name:
        port = free_port()
        start = _nginx if request.param == "nginx" else _caddy
        with started(start(Path(name), port, behind.port), port, Path(name)) as proxy:
            yield proxy


def _accepts(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    with contextlib.suppress(ConnectionRefusedError), socket.socket() as probe:
        probe.connect(("127.0.0.1", port))
        return True
    return False


def _nginx(directory: Path, port: int, server: int) -> list[str]:
    """Our file inside a main one that needs no rights; TLS is taken out where nothing but our
    own listener is tested."""
    nginx = programs.path("nginx")
    site = (DEPLOY / "nginx.conf").read_text()
    for shown, meant in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("server 127.0.0.1:3000;", f"server 127.0.0.1:{server};"),
        ("allow 127.0.0.1;", "allow 127.0.0.0/8;"),
        ("/var/log/nginx", str(directory)),
    ):
        assert shown in site
        site = site.replace(shown, meant)
    site = re.sub(r"    ssl_certificate.*\n", "", site)
    (directory / "site.conf").write_text(site)
    scratch = "".join(
        f"  {kind}_temp_path {directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "main.conf").write_text(
        f"daemon off;\npid {directory}/pid;\nerror_log {directory}/error.log;\nevents {{}}\n"
        f"http {{\n{scratch}  include {directory}/site.conf;\n}}\n"
    )
    command = [nginx, "-e", f"{directory}/error.log", "-c", f"{directory}/main.conf"]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    return command


def _caddy(directory: Path, port: int, server: int) -> list[str]:
    caddy = programs.path("caddy")
    site = (DEPLOY / "Caddyfile").read_text()
    for shown, meant in (
        ("chat.example.com {", f"http://127.0.0.1:{port} {{"),
        ("reverse_proxy 127.0.0.1:3000", f"reverse_proxy 127.0.0.1:{server}"),
        ("remote_ip 127.0.0.1/32", "remote_ip 127.0.0.0/8"),
    ):
        assert shown in site
        site = site.replace(shown, meant)
    site = site.replace("\n{\n", "\n{\n\tadmin off\n\tgrace_period 1s\n", 1)
    (directory / "Caddyfile").write_text(site)
    options = ["--config", f"{directory}/Caddyfile", "--adapter", "caddyfile"]
    subprocess.run(
        [caddy, "validate", *options],
        check=True,
        capture_output=True,
        env=clean_environment(directory),
    )
    return [caddy, "run", *options]


class TestProxies:
    def test_a_websocket_goes_through(self, proxy: Proxy, behind: Server) -> None:
        room = behind.create_room()
        address = f"ws://127.0.0.1:{proxy.port}/ws/rooms/{room.id}?user_id=anna&token=annas-token"
        with connect(address, proxy=None, compression=None) as anna:
            assert json.loads(anna.recv(timeout=15))["type"] == "WelcomeInfo"
            message = {"type": "SendMessage", "payload": {"content": "你好", "client_msg_id": "1"}}
            anna.send(json.dumps(message))
            types = {json.loads(anna.recv(timeout=15))["type"] for _ in range(3)}
            assert "Message" in types
        written = [path.read_text() for path in proxy.directory.rglob("*") if path.is_file()]
        assert not any("annas-token" in text for text in written)
        assert [each["content"] for each in room.history()] == ["你好"]

    def test_a_stream_is_not_held_back(self, proxy: Proxy, behind: Server) -> None:
        room = behind.create_room("streamed")
        path = f"/management/events/stream?room={room.id}&type=message.posted"
        with proxy.http.stream("GET", path) as answer:
            assert answer.status_code == 200
            found = answer.iter_lines()
            for text in ("one", "two"):
                behind.http.post(f"{room.path}/messages", json={"content": text})
                event = json.loads(next(line for line in found if line))
                assert event["data"]["content"] == text

    def test_the_server_learns_the_clients_address(self, proxy: Proxy, behind: Server) -> None:
        """The proxy's word counts, and not the client's."""
        body = {"room_name": "from afar", "admin_user_ids": []}
        made = proxy.http.post("/management/rooms", json=body).json()
        query = {"room": made["room_id"], "type": "room.created"}
        (event,) = behind.http.get("/management/events", params=query).json()
        assert event["address"] == "127.0.0.2"

    def test_a_refusal_before_the_upgrade_arrives(self, proxy: Proxy) -> None:
        gone = "/ws/rooms/7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11?user_id=anna"
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        answer = proxy.http.get(gone, headers=upgrade)
        assert (answer.status_code, answer.json()["code"]) == (404, "room_not_found")


@pytest.mark.parametrize("start", [_nginx, _caddy])
def test_no_log_has_the_token_also_when_the_server_is_gone(
    start: Callable[[Path, int, int], list[str]], tmp_path: Path
) -> None:
    """The same files without the network that this machine is in: to strangers the management is
    closed. What is let through meets no server."""
    port = free_port()
    command = start(tmp_path, port, free_port())
    for path in (tmp_path / "site.conf", tmp_path / "Caddyfile"):
        if path.exists():
            path.write_text(path.read_text().replace("127.0.0.0/8", "192.0.2.0/24"))
    with started(command, port, tmp_path) as proxy:
        management = ("/management/rooms", "/%6Danagement/rooms", "//management/rooms")
        for asked in (*management, "/metrics", "/schema", "/schema/openapi.json", "/docs"):
            answer = proxy.http.get(f"http://127.0.0.1:{port}{asked}")
            assert answer.status_code == 403, asked
        join = "/ws/rooms/7f0c2a52-9b1e-4c53-8a37-2f6f1f0d9a11?user_id=anna&token=annas-token"
        for asked in ("/management/health", "/health", join):
            assert proxy.http.get(asked).status_code == 502, asked
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("annas-token" in text for text in written)


def test_nginx_takes_the_file_as_it_is(tmp_path: Path) -> None:
    nginx, openssl = map(programs.path, ("nginx", "openssl"))
    key, certificate = tmp_path / "privkey.pem", tmp_path / "fullchain.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=chat.example.com",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    site = (DEPLOY / "nginx.conf").read_text()
    site = site.replace("/etc/letsencrypt/live/chat.example.com", str(tmp_path))
    site = site.replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "main.conf").write_text(
        f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{ include {tmp_path}/site.conf; }}\n"
    )
    subprocess.run(
        [nginx, "-t", "-e", f"{tmp_path}/error.log", "-c", f"{tmp_path}/main.conf"], check=True
    )
