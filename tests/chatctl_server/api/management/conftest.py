"""Servers for tests of callbacks, and a receiver for each test."""

from collections.abc import Iterator

import pytest
from admin import LATE, LOCAL, Admin
from hooks import calling
from receivers import Receiver, receiver
from world import running

Directories = pytest.TempPathFactory


@pytest.fixture(scope="session")
def hasty_admin(tmp_path_factory: Directories) -> Iterator[Admin]:
    """Of a server that tries once."""
    with running(tmp_path_factory.mktemp("hasty"), **LOCAL) as server:
        yield Admin(server)


@pytest.fixture(scope="session")
def patient_admin(tmp_path_factory: Directories) -> Iterator[Admin]:
    """Of a server that tries again after an hour."""
    with running(tmp_path_factory.mktemp("patient"), **LATE) as server:
        yield Admin(server)


@pytest.fixture
def admin(hasty_admin: Admin) -> Iterator[Admin]:
    yield hasty_admin
    forget_endpoints(hasty_admin)


@pytest.fixture
def late_admin(patient_admin: Admin) -> Iterator[Admin]:
    yield patient_admin
    forget_endpoints(patient_admin)


def forget_endpoints(admin: Admin) -> None:
    for endpoint in admin.ask("GET", ""):
        admin.ask("DELETE", f"/{endpoint['endpoint_id']}")


@pytest.fixture(scope="session")
def named_hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture(scope="session")
def named_admin(tmp_path_factory: Directories, named_hook: Receiver) -> Iterator[Admin]:
    """Of a server whose settings name all five URLs, at ``named_hook``."""
    with calling(tmp_path_factory.mktemp("named"), named_hook) as server:
        yield Admin(server)


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as made:
        yield made
