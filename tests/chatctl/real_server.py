"""A real ``chatctl serve`` on a free port."""

from types import TracebackType
from typing import Self

from forks import Process
from prepared_server import Chatctl


class Serving:
    """Listens when it is entered; stopped, and not killed, when it is left."""

    def __init__(self, chatctl: Chatctl, *args: str) -> None:
        self._chatctl = chatctl
        self._args = ("serve", "--bind", "127.0.0.1:0", "--log-format", "text", *args)
        self.log: list[str] = []
        self.process: Process

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()

    @property
    def url(self) -> str:
        line = next(line for line in self.log if "listens on" in line)
        return line.split("listens on ")[1].split()[0]

    def start(self) -> None:
        self.log.clear()
        self.process = self._chatctl.start(*self._args)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.decode())
            if "listens on" in self.log[-1]:
                return
        raise AssertionError(f"the server did not start: {''.join(self.log)}")

    def stop(self) -> int:
        self.process.terminate()
        return self._ended()

    def kill(self) -> int:
        self.process.kill()
        return self._ended()

    def _ended(self) -> int:
        _, said = self.process.communicate(timeout=30)
        self.log += said.decode().splitlines(keepends=True)
        return self.process.returncode
