"""From the start of ``chatctl serve`` to its first answer.

python bench/startup.py [--rows 1000000] [--repeat 5] [--connections 500] [--keep FOLDER]

When the target is missed, the modules whose import took longest are printed.
"""

from pathlib import Path

import load
import report
import scene
import served

TARGET_SECONDS = 1.5
SHOWN = 15


def starts(server: served.Server, repeat: int) -> tuple[list[float], list[float]]:
    """Seconds and CPU seconds to the first answer; each start follows a kill -9."""
    wall, cpu = [], []
    for _ in range(repeat):
        wall.append(server.start())
        cpu.append(server.cpu_seconds())
        server.kill()
    return wall, cpu


def show(name: str, wall: list[float], cpu: list[float]) -> bool:
    """Whether the target was met."""
    middle = report.median(name, wall, "s", at_most=TARGET_SECONDS)
    report.median(f"{name}, CPU", cpu, "s")
    return middle <= TARGET_SECONDS


def without_file(repeat: int) -> bool:
    wall, cpu = [], []
    for _ in range(repeat):
        with scene.directory() as folder:
            server = served.Server(folder / "chat.db")
            wall.append(server.start())
            cpu.append(server.cpu_seconds())
            server.kill()
    return show("no file yet", wall, cpu)


def after_a_crash(path: Path, connections: int, repeat: int) -> bool:
    """Killed with -9 while that many users are connected and the write-ahead log is not empty."""
    wall, cpu = [], []
    with load.generator() as generator:
        for _ in range(repeat):
            server = served.Server(path)
            server.start()
            room = f"/ws/rooms/{server.create_room()}"
            target = load.Target("rooms", server.port, server.pid, [room])
            with generator.holding(target, connections):
                server.kill()
            wall.append(server.start())
            cpu.append(server.cpu_seconds())
            server.kill()
    return show(f"after kill -9 with {connections} sessions open", wall, cpu)


def imports(path: Path) -> None:
    """The modules that took longest, each with what it imports first."""
    server = served.Server(path)
    log = path.parent / "server.log"
    log.unlink(missing_ok=True)
    server.start(interpreter=("-X", "importtime"))
    server.kill()
    rows = [line.split("|") for line in log.read_text().splitlines() if line.startswith("import ")]
    found = [(int(row[1]), row[2].strip()) for row in rows if row[1].strip().isdigit()]
    for microseconds, module in sorted(found, reverse=True)[:SHOWN]:
        report.line(f"import {module}, with what it imports", microseconds / 1000, "ms")


def main() -> None:
    parser = scene.arguments(__doc__)
    parser.set_defaults(repeat=5)
    parser.add_argument("--connections", type=int, default=500, help="open at the kill")
    given = parser.parse_args()
    report.machine()
    met = without_file(given.repeat)
    with scene.directory() as folder:
        path = scene.filled(folder, given.rows, given.keep)
        met &= show(f"{given.rows} messages", *starts(served.Server(path), given.repeat))
        met &= after_a_crash(path, given.connections, given.repeat)
        if not met:
            imports(path)
    report.end()


if __name__ == "__main__":
    main()
