"""How late a server's event loop comes to a connection: the round trips of pings, in seconds, a
line each.

python bench/loop_lag.py URL SECONDS
"""

import sys
import time

from websockets.sync.client import connect

PAUSE_SECONDS = 0.01


def main(url: str, seconds: float) -> None:
    until = time.perf_counter() + seconds
    with connect(url, max_queue=None) as connection:  # nobody reads the events
        while (began := time.perf_counter()) < until:
            if not connection.ping().wait(10):
                raise SystemExit("no pong within 10 s")
            print(f"{time.perf_counter() - began:.6f}")
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
