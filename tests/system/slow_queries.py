"""The real ``chatctl``, in which a page of events takes a minute of the database's time.

``python -m slow_queries serve`` is ``chatctl serve``; each query adds to the file ``asked``.
"""

import sys
from pathlib import Path
from typing import Any

from chatctl import cli
from chatctl_server.storage import log

LONG = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000)"
    " SELECT count(*) FROM n"
)


def find_after(db: Any, *given: Any) -> None:
    with Path("asked").open("a") as file:
        file.write("x")
    db.execute_sql(LONG).fetchone()


if __name__ == "__main__":
    log.find_after = find_after  # type: ignore[assignment]
    sys.exit(cli.run(sys.argv[1:]))
