"""What a command costs to start, as multiples of ``python -c pass``.

python bench/commands.py [--repeat 15]

``chatctl rooms ls`` against a running server, and on the file without one. The runs take turns.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import report
import scene
import served

AGAINST_A_SERVER, ON_THE_FILE = 20, 50  # times python -c pass


def seconds(*arguments: str, cwd: Path, environment: dict[str, str]) -> float:
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, check=True, capture_output=True
    )
    return time.perf_counter() - started


def main() -> None:
    parser = scene.arguments(__doc__)
    parser.set_defaults(repeat=15)
    given = parser.parse_args()
    report.machine()
    with scene.directory() as folder:
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "DATABASE_URL": f"sqlite:{folder / 'chat.db'}",
        }
        bare, with_server, on_file = [], [], []
        rooms = ("-m", "chatctl", "rooms", "ls", "--json")
        server = served.Server(folder / "chat.db")
        for _ in range(given.repeat):
            server.start()
            server.create_room()
            bare.append(seconds("-c", "pass", cwd=folder, environment=environment))
            with_server.append(seconds(*rooms, cwd=folder, environment=environment))
            server.kill()
            on_file.append(seconds(*rooms, cwd=folder, environment=environment))
    middle = statistics.median(bare)
    report.median("python -c pass", [each * 1000 for each in bare], "ms")
    for name, values, most in (
        ("chatctl rooms ls against a server", with_server, AGAINST_A_SERVER),
        ("chatctl rooms ls on the file", on_file, ON_THE_FILE),
    ):
        report.median(name, [each * 1000 for each in values], "ms")
        ratio = statistics.median(values) / middle
        report.line(f"{name}, times python -c pass", ratio, "times", at_most=most)
    report.end()


if __name__ == "__main__":
    main()
