"""The routes of files declare exactly the problems that they answer."""

from collections.abc import Iterator

import declared
import pytest
from filing import Filing, filing

from chatctl_server import errors
from chatctl_server.api import refusals

# What every route with a guard, or with the store behind it, may answer.
OF_ALL = {each.code for each in (*refusals.WRITE, *refusals.GUARD, errors.TokenRevoked)}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filing]:
    with filing(tmp_path_factory.mktemp("filing"), MAX_UPLOAD_BYTES="10") as found:
        yield found


def declared_of(method: str, path: str) -> set[str]:
    operation = declared.description()["paths"][path][method]
    return {code for _, code in declared.codes(operation)} - OF_ALL - {"internal"}


def test_of_an_upload(office: Filing) -> None:
    met = {
        office.send_body(office.anna, b"").json()["code"],
        office.send(office.anna, ("a", b"x" * 11)).json()["code"],
        office.send(office.anna, ("a", b"x"), X_Workspace_Id="7").json()["code"],
        office.send(office.anna, ("a", b"x"), X_Workspace_Id="many").json()["code"],
    }
    assert met | {errors.NoWorkspace.code} == declared_of("post", "/api/upload")


def test_of_a_file(office: Filing) -> None:
    (url,) = office.stored(office.anna, ("a", b"x"))
    met = {
        office.get(office.eve, url).json()["code"],
        office.get(office.anna, url, Range="bytes=1-").json()["code"],
    }
    for begin in ("/files", "/api/files"):
        assert met == declared_of("get", f"{begin}/{{workspace_id}}/{{first}}/{{second}}/{{name}}")


def test_of_a_check(office: Filing) -> None:
    for begin, end in (("/api/fix-files", ""), ("/api/workspaces", "/fix-storage")):
        met = {
            office.ask(who, "POST", f"{begin}/{number}{end}").json()["code"]
            for who, number in ((office.bert, 0), (office.eve, 0), (office.anna, "many"))
        }
        assert met == declared_of("post", f"{begin}/{{workspace_id}}{end}")
