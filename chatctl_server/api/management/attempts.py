"""Every try of a callback, live."""

import asyncio
from collections.abc import AsyncIterator

from litestar import get
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from chatctl_server.api.context import Context, GivenContext
from chatctl_server.views.deliveries import AttemptLine

KEEP_ALIVE_SECONDS = 15.0
LINES = ResponseSpec(
    AttemptLine,
    generate_examples=False,
    description="Lines that are each a `AttemptLine`, or empty",
    media_type="application/x-ndjson",
)


@get(
    "/management/callbacks/tries",
    tags=("callbacks",),
    summary="Tries as NDJSON, followed until the client goes",
    responses={200: LINES},
    opt={"asks_store": False},
)
async def follow_tries(context: GivenContext) -> Stream:
    """A line when a try begins and one when it has ended; an empty line when there was none for
    15 s. Live only: what was before is in the deliveries. It ends when the server stops.

    A client that reads too slowly gets a line `{"skipped": n}` in place of those it missed.
    """
    return Stream(
        _follow(context), media_type="application/x-ndjson", headers={"x-accel-buffering": "no"}
    )


async def _follow(context: Context) -> AsyncIterator[bytes]:
    with context.tries.listener() as listener, context.hub.traffic.streaming("tries"):
        if context.is_serving:
            yield b"\n"
        while context.is_serving and not context.serving.is_stopping:
            seen = listener.notifier.count
            if lines := listener.take():
                yield lines
                continue
            try:
                async with asyncio.timeout(KEEP_ALIVE_SECONDS):
                    await listener.notifier.wait(seen)
            except TimeoutError:
                yield b"\n"
