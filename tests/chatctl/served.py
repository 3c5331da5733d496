"""Commands in the test's own process against a real server with its key: quick, and no pretence."""

import json
from typing import Any

from prepared_server import Finished
from same_process import Here
from world import KEY, Server


class Served:
    def __init__(self, here: Here, server: Server) -> None:
        self._here = here
        self._server = server

    def __call__(self, *args: str, stdin: str = "") -> Finished:
        return self._here(*args, stdin=stdin, CHATCTL_SERVER=self._server.url, ADMIN_API_KEY=KEY)

    def json(self, *args: str, stdin: str = "") -> Any:
        """The one document of a command that must succeed, and say nothing else."""
        done = self(*args, "--json", stdin=stdin)
        assert (done.stderr, done.exit) == ("", 0), done
        return json.loads(done.stdout)

    def refused(self, *args: str) -> tuple[str, int]:
        """The error's code and the exit code; said in one line without ``--json``."""
        plain = self(*args)
        first, *hint = plain.stderr.splitlines()
        assert first.startswith("chatctl: ")
        assert [line[:7] for line in hint] in ([], ["  try: "])
        end = args.index("--") if "--" in args else len(args)
        done = self(*args[:end], "--json", *args[end:])
        error = json.loads(done.stderr)["error"]
        assert (done.stdout, plain.stdout, done.exit) == ("", "", plain.exit)
        assert error["exit"] == done.exit
        return error["code"], done.exit
