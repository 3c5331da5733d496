"""A receiver of callbacks that costs next to nothing: answers 200, counts, says when all are there.

python bench/sink.py COUNT: prints its port, then, after COUNT requests, the time of the first and
of the last (``time.monotonic``).
"""

import asyncio
import sys
import time

import httptools

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Sink:
    def __init__(self, count: int) -> None:
        self.left = count
        self.first = 0.0
        self.finished = asyncio.Event()

    def came(self) -> None:
        self.first = self.first or time.monotonic()
        self.left -= 1
        if self.left == 0:
            print(f"{self.first} {time.monotonic()}", flush=True)
            self.finished.set()


class Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._sink.came()
        self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def main() -> None:
    sink = Sink(int(sys.argv[1]))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(sink), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await sink.finished.wait()
    await asyncio.sleep(1)  # so that the last answers are on their way


if __name__ == "__main__":
    asyncio.run(main())
