"""What the server's threads are doing, found out by looking at their stacks again and again."""

import asyncio
import sys
import threading
import time
from collections import Counter
from types import FrameType
from typing import Annotated

from litestar import get
from litestar.params import FromQuery, QueryParameter

from chatctl_server import errors
from chatctl_server.api.context import GivenContext, Serving
from chatctl_server.views.fields import means

INTERVAL_SECONDS = 0.01
Seconds = Annotated[int, QueryParameter(ge=1, le=60), means("For so many seconds", 1)]

EXAMPLE = "MainThread;chatctl_server.serving.serve;chatctl_server.serving._run;asyncio.run 99\n"


@get(
    "/debug/pprof",
    media_type="text/plain",
    tags=("server",),
    summary="Stacks of the server's threads, sampled",
    response_description="A line a stack: its frames, outermost first, and how often it was seen",
    opt={
        "asks_store": False,
        "refuses": (errors.InvalidInput, errors.NotFound),
        "example": EXAMPLE,
    },
)
async def profile(context: GivenContext, seconds: FromQuery[Seconds] = 5) -> str:
    """Off unless `DEBUG_PPROF` is true. The lines are folded stacks, as `flamegraph.pl` and
    speedscope.app read them. Of several who ask, one after the other is served."""
    if not context.settings.debug_pprof:
        raise errors.NotFound("The profile is off (DEBUG_PPROF)")
    async with context.profiling:
        seen = await asyncio.to_thread(_sampled, seconds, context.serving)
    return "".join(f"{stack} {count}\n" for stack, count in seen.most_common())


def _sampled(seconds: int, serving: Serving) -> Counter[str]:
    """Blocks its own thread, which is left out. Ends early when the server stops."""
    seen: Counter[str] = Counter()
    own, end = threading.get_ident(), time.monotonic() + seconds
    while time.monotonic() < end and not serving.is_stopping:
        names = {each.ident: each.name for each in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if ident != own:
                seen[f"{names.get(ident, ident)};{_folded(frame)}"] += 1
        time.sleep(INTERVAL_SECONDS)
    return seen


def _folded(frame: FrameType | None) -> str:
    frames = []
    while frame is not None:
        frames.append(f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}")
        frame = frame.f_back
    return ";".join(reversed(frames))
