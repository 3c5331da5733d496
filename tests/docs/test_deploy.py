"""The files in docs/deploy work: systemd takes the unit, and the page's commands run."""

import json
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory

import forks
import httpx
import programs
import pytest
from documents import ROOT, blocks, read
from world import Server, clean_environment

from chatctl_server.settings import sources

DEPLOY = ROOT / "docs/deploy"
UNIT = (DEPLOY / "chatctl.service").read_text()
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
PAGE = "docs/deploy.md"


class TestUnit:
    @staticmethod
    def lines(name: str) -> list[str]:
        return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)

    def test_systemd_takes_it(self, tmp_path: Path) -> None:
        path = tmp_path / "chatctl.service"
        command = Path(sys.executable).parent / "chatctl"
        path.write_text(UNIT.replace("/opt/chatctl/bin/chatctl", str(command)))
        verified = subprocess.run(
            [programs.path("systemd-analyze"), "verify", "--man=no", path],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (verified.stderr, verified.returncode) == ("", 0)

    def test_it_is_hardened(self, tmp_path: Path) -> None:
        """An exposure of 2.0 of 10; most services have above 9."""
        (tmp_path / "chatctl.service").write_text(UNIT)
        subprocess.run(
            [programs.path("systemd-analyze"), "security", "--offline=yes", "--threshold=20",
             "--no-pager", tmp_path / "chatctl.service"],
            check=True,
            capture_output=True,
        )  # fmt: skip

    def test_it_starts_with_its_credentials_and_tells_systemd(self, tmp_path: Path) -> None:
        """As systemd would: the secrets in a directory, a socket for READY, nothing else."""
        with TemporaryDirectory(prefix="chatctl-") as runtime:
            environment = clean_environment(Path(runtime))
            assert forks.run(("init", "etc", "--quiet"), environment, tmp_path).returncode == 0
            # The service cannot read what init wrote: it has copies.
            (tmp_path / "etc/secrets").rename(tmp_path / "credentials")
            for line in self.lines("Environment"):
                name, _, value = line.partition("=")
                environment[name] = value.replace("%d", str(tmp_path / "credentials")).replace(
                    "%S/chatctl", str(tmp_path)
                )
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.bind(f"{runtime}/notify")
                told.settimeout(30)
                environment |= {
                    "NOTIFY_SOCKET": f"{runtime}/notify",
                    "BIND_ADDRESS": "127.0.0.1:0",
                }
                (command,) = self.lines("ExecStart")
                arguments = shlex.split(command)[1:]
                arguments = [each.replace("/etc/chatctl", "etc") for each in arguments]
                process = forks.start(
                    arguments, environment, tmp_path, stdout=DEVNULL, stderr=DEVNULL
                )
                try:
                    assert told.recv(100) == b"READY=1"
                finally:
                    process.terminate()
                    assert process.wait(30) == 0

    def test_each_credential_is_a_secret_that_a_setting_names(self) -> None:
        credentials = [line.partition(":")[0] for line in self.lines("LoadCredential")]
        named = {
            line.partition("=")[0]: line.partition("%d/")[2]
            for line in self.lines("Environment")
            if "%d/" in line
        }
        assert sorted(named.values()) == sorted(credentials)
        assert set(named) <= set(sources.SECRET_FILES)

    def test_a_stop_has_the_time_that_it_may_take(self) -> None:
        (seconds,) = self.lines("TimeoutStopSec")
        assert int(seconds) > int(sources.SETTINGS["SHUTDOWN_TIMEOUT_SECONDS"].default)
        (files,) = self.lines("LimitNOFILE")
        assert int(files) == int(sources.SETTINGS["MAX_CONNECTIONS"].default) + 200


class TestContainer:
    def test_its_environment_is_settings_that_load(self, tmp_path: Path) -> None:
        """With the two secrets, and without them a sentence about the first."""
        text = CONTAINERFILE.replace("\\\n", " ")
        environ = dict(
            pair.split("=", 1) for line in re.findall(r"^ENV (.*)$", text, re.M)
            for pair in line.split()
        )  # fmt: skip
        assert set(environ) - {"PATH", "HOME"} <= {*sources.SETTINGS, *sources.SECRET_FILES}
        with pytest.raises(sources.InvalidSetting, match="/run/secrets/"):
            sources.load(environ=environ, cwd=tmp_path)
        for name in ("admin-api-key", "room-token-secret"):
            (tmp_path / name).write_text("x" * 40)
        here = {
            name: value.replace("/run/secrets", str(tmp_path)) for name, value in environ.items()
        }
        loaded = sources.load(environ=here, cwd=tmp_path)
        assert loaded.settings.room_identity == "token"
        home = environ["HOME"]
        assert loaded.settings.database_url == f"sqlite://{home}/chat.db"
        assert f"\nVOLUME {home}\n" in CONTAINERFILE
        (user,) = re.findall(r"^USER (\d+)$", CONTAINERFILE, re.MULTILINE)  # and not root
        assert f"--uid {user}" in CONTAINERFILE

    def test_its_health_is_a_command_that_answers(self, shared_server: Server) -> None:
        found = re.search(r"CMD (\[\"chatctl\", \"status\".*\])", CONTAINERFILE)
        assert found is not None
        command = [
            each.replace("http://127.0.0.1:3000", shared_server.url)
            for each in json.loads(found[1])
        ]
        assert shared_server.chatctl(*command[1:]).returncode == 0
        gone = [each.replace(shared_server.url, "http://127.0.0.1:1") for each in command]
        assert shared_server.chatctl(*gone[1:]).returncode == 6

    def test_what_it_copies_is_there(self) -> None:
        for line in re.findall(r"^COPY (?!--from)(.*)$", CONTAINERFILE, re.MULTILINE):
            for name in line.split()[:-1]:
                assert (ROOT / name).exists(), name


class TestPage:
    def commands(self) -> Iterator[list[str]]:
        for block in blocks(PAGE):
            for line in block.text.splitlines():
                before = r"\$ (?:sudo )?(?:CHAT_CONFIG=\S+ )?|.* root /usr/local/bin/"
                found = re.search(rf"^(?:{before})chatctl (.*)$", line)
                if found is not None:
                    yield shlex.split(found[1].partition(" >")[0])

    def test_its_configuration_loads(self, tmp_path: Path) -> None:
        for block in blocks(PAGE):
            if block.language == "toml":
                (tmp_path / "chatctl.toml").write_text(block.text)
                assert sources.load(environ={}, cwd=tmp_path).settings.trusted_proxies

    def test_the_way_of_the_page(self, tmp_path: Path) -> None:
        """init into one directory with the database in another, a room, a token, a backup and
        the drill with it; the restores that ask are for a person."""
        places = {
            "/etc/chatctl": "etc",
            "/srv/chat/": "etc/",
            "/var/lib/chatctl": f"{tmp_path}/lib",
            "/var/backups/chatctl": f"{tmp_path}/backups",
            "2026-11-22T020000Z": "*",
        }
        for name in ("lib", "backups"):
            (tmp_path / name).mkdir()
        runs = []
        for words in self.commands():
            asks = words[:2] == ["db", "restore"] and "--yes" not in words
            if asks or "--server" in words:
                continue
            line = "\0".join(words)
            for shown, meant in places.items():
                line = line.replace(shown, meant)
            is_told = words[0] == "init" or "--config" in words
            runs.append([*line.split("\0"), *([] if is_told else ["--config", "etc/chatctl.toml"])])
        seen = {" ".join(run[:2]) for run in runs}
        assert {"init etc", "config check", "token mint", "db backup", "db restore"} <= seen
        assert {"rooms create", "rooms admins", "db verify", "db migrate", "db prune"} <= seen
        environment = clean_environment(tmp_path)
        for run in runs:
            words = [
                str(next(tmp_path.glob(str(Path(word).relative_to(tmp_path)))))
                if "*" in word
                else word
                for word in run
            ]
            done = forks.run(words, environment, tmp_path)
            assert done.returncode == 0, (words, done.stderr)
        assert (tmp_path / "lib/chat.db").exists()
        assert (tmp_path / "backups/drill.db").exists()
        assert (tmp_path / "backups/moving.db.json").exists()
        assert len(list((tmp_path / "backups").glob("chat-*.db"))) == 1

    def test_its_monitors_know_a_server_that_is_gone(self, shared_server: Server) -> None:
        """The line of cron says it on stderr, which cron mails. What curl asks needs no key."""
        (cron,) = re.findall(
            r"^\*/5 .* root /usr/local/bin/chatctl (.*) >/dev/null$", read(PAGE), re.M
        )
        for url, code in ((shared_server.url, 0), ("http://127.0.0.1:1", 6)):
            words = shlex.split(cron.replace("http://127.0.0.1:3000", url))
            status = shared_server.chatctl(*words)
            assert (status.returncode, status.stderr == "") == (code, code == 0)
        (path,) = re.findall(r"^\$ curl -fsS http://127.0.0.1:3000(\S+)$", read(PAGE), re.M)
        assert httpx.get(shared_server.url + path).text == "OK"
