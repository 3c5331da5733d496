"""What is checked of each face's imports is checked of every face that there is."""

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
API = ROOT / "chatctl_server" / "api"


def contract(name: str) -> dict[str, Any]:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (found,) = [each for each in declared["contracts"] if each["name"] == name]
    return dict(found)


def test_every_face_is_in_the_contracts_of_faces() -> None:
    faces = sorted(each.parent.name for each in API.glob("*/face.py"))
    modules = contract("No face knows another")["modules"]
    assert sorted(modules) == [f"chatctl_server.api.{each}" for each in faces]
    (highest, *_) = contract("What the faces share knows none of them")["layers"]
    assert sorted(highest.split(" | ")) == faces
