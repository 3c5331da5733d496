"""kill -9 at any line of an upload: then each file is there whole and recorded, or not at all."""

from pathlib import Path

import httpx
import proof
import pytest
from filing import PNG, Filing
from offline import HOST, Offline
from team import DEFAULT
from world import eventually

from chatctl_server.domain import stored_files
from chatctl_server.domain.account_events import FileRemoved
from chatctl_server.storage import maintenance

FILES = (("a.txt", b"hello"), ("b.png", PNG))
KILLS = proof.size(8, 1_000)
BEHIND_THE_ANSWER = 4  # steps, at most: what the server does by itself


def _upload_until_death(office: Filing, step: int) -> list[str] | None:
    """None for one that died; else, when no step is the last, the addresses."""
    (office.server.directory / "dies-at").write_text(str(step))
    office.server.program = "dying_uploads"
    office.server.start()
    try:
        return office.stored(office.anna, *FILES)
    except httpx.TransportError:
        assert office.server.process is not None
        office.server.process.wait(30)
        return None


def _is_clean_after_a_start(office: Filing) -> bool:
    """What is on the disk is what is recorded, and all of the upload or nothing. Whether all."""
    office.server.program = "chatctl"
    office.server.start()
    eventually(lambda: not [each for each in office.on_disk() if each.endswith(".part")])
    found = [stored_files.of_url(f"/files/{each}") for each in office.on_disk()]
    answers = {office.get(office.anna, each.url).status_code for each in found if each}
    assert None not in found
    assert (len(found), answers) in ((0, set()), (2, {200}))
    office.server.stop()
    path = office.server.database
    assert maintenance.check(path, office.directory) == maintenance.verify(path) == []
    return bool(found)


@pytest.mark.timeout(proof.time_limit(300))
def test_nothing_is_half_stored(tmp_path: Path) -> None:
    office = Filing(tmp_path)
    steps = _steps(office)
    spread = sorted({1 + number * steps // KILLS for number in range(KILLS)})
    survived = 0
    for step in spread:
        if _upload_until_death(office, step) is not None:
            assert step > steps - BEHIND_THE_ANSWER, step
            office.server.kill()
            break
        around = {each.name for each in tmp_path.iterdir()}
        assert {"chat.db.files"} >= {each for each in around if each.startswith("chat.db.f")}
        if _is_clean_after_a_start(office):
            survived += 1
            _forget(office)
    print(f"{len(spread)} kills at {steps} steps; {survived} behind the record")
    assert survived < len(spread)
    office.server.program = "chatctl"
    office.server.start()
    urls = office.stored(office.anna, *FILES)
    assert office.on_disk() == sorted(each.removeprefix("/files/") for each in urls)
    office.server.close()


def _steps(office: Filing) -> int:
    """How many an upload has. The first one has more: it makes directories."""
    for _ in range(2):
        assert _upload_until_death(office, 0) is not None
        office.server.stop()
        assert _is_clean_after_a_start(office)
        _forget(office)
    return int((office.server.directory / "steps").read_text())


def _forget(office: Filing) -> None:
    """The files are removed, as after a day."""
    scene = Offline(office.server.database)
    for each in office.on_disk():
        name = stored_files.of_url(f"/files/{each}")
        assert name is not None
        scene.call(lambda tx, name=name: tx.record(FileRemoved(*name), HOST, scope=DEFAULT.scope))
        (office.directory / each).unlink()
    scene.close()
