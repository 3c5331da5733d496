import shutil
from pathlib import Path

import pytest
from lived_in import live


@pytest.fixture(scope="session")
def lived_in_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lived-in") / "chat.db"
    live(path)
    return path


@pytest.fixture
def database(lived_in_file: Path, tmp_path: Path) -> Path:
    """A closed database with something in every table; see ``lived_in``."""
    path = tmp_path / "chat.db"
    shutil.copy(lived_in_file, path)
    return path
