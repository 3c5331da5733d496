"""The file written anew, without what is free in it."""

from pathlib import Path

from chatctl_server.storage import engine, files


def compact(path: Path) -> None:
    """Nobody else has it open. Needs as much room again, for a while, beside the file and in the
    temporary directory. Raises StorageFull, and leaves the file as it was."""
    path = files.real(path)
    db = engine.writing(path, durable=True)
    with files.failures(path):
        db.connect()
        try:
            with files.writing_failures(path, db.connection()):
                engine.compact(db)
        finally:
            db.close()
