"""Equal reads that are asked for at once are one, and nobody's cancellation is another's."""

import asyncio

import pytest

from chatctl_server import errors
from chatctl_server.live.shared_reads import SharedReads


class Database:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def read(self) -> str:
        self.asked += 1
        return await self.answer


async def ask(reads: SharedReads, database: Database, count: int) -> list[asyncio.Task[str]]:
    asked = [asyncio.create_task(reads.read("a page", database.read)) for _ in range(count)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return asked


async def test_equal_ones_at_once_are_read_once_and_later_ones_anew() -> None:
    reads, database = SharedReads(), Database()
    asked = await ask(reads, database, 5)
    other = asyncio.create_task(reads.read("another page", database.read))
    await asyncio.sleep(0)
    database.answer.set_result("rows")
    assert await asyncio.gather(*asked, other) == ["rows"] * 6
    assert database.asked == 2
    assert await reads.read("a page", database.read) == "rows"
    assert database.asked == 3


async def test_an_error_is_everybodys_each_with_their_own() -> None:
    reads, database = SharedReads(), Database()
    asked = await ask(reads, database, 3)
    database.answer.set_exception(errors.Busy("Too many", field="x", retry_after=1))
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert len({id(each) for each in found}) == 3
    for each in found:
        assert isinstance(each, errors.Busy)
        assert (each.detail, each.field, each.retry_after) == ("Too many", "x", 1)


@pytest.mark.parametrize("gone", [0, 1])
async def test_who_is_cancelled_leaves_the_others_their_read(gone: int) -> None:
    reads, database = SharedReads(), Database()
    asked = await ask(reads, database, 3)
    asked[gone].cancel()
    await asyncio.wait([asked[gone]])
    late = await ask(reads, database, 1)
    database.answer.set_result("rows")
    rest = [each for number, each in enumerate(asked) if number != gone]
    assert await asyncio.gather(*rest, *late) == ["rows"] * 3
    assert database.asked == 1


async def test_an_error_that_nobody_waits_for_is_not_reported() -> None:
    reads, database = SharedReads(), Database()
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    (asked,) = await ask(reads, database, 1)
    asked.cancel()
    await asyncio.wait([asked])
    database.answer.set_exception(errors.Busy("Too many"))
    while reads._reading:
        await asyncio.sleep(0)
    assert told == []


async def test_what_is_forgotten_is_read_anew_and_still_answers_who_asked() -> None:
    reads, before, after = SharedReads(), Database(), Database()
    (early,) = await ask(reads, before, 1)
    reads.forget("room")
    (late,) = await ask(reads, after, 1)
    before.answer.set_result("old rows")
    assert await early == "old rows"
    (later,) = await ask(reads, after, 1)
    after.answer.set_result("new rows")
    assert await asyncio.gather(late, later) == ["new rows"] * 2
    assert after.asked == 1


@pytest.mark.parametrize(("changed", "reads_again"), [("room", True), ("other", False)])
async def test_what_has_changed_meanwhile_is_read_again(changed: str, reads_again: bool) -> None:
    """By who asked for something of a topic, when that has changed and not another."""
    reads, before, after = SharedReads(), Database(), Database()
    answers = iter([before, after])
    asked = asyncio.create_task(reads.read("a page", lambda: next(answers).read(), topic="room"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reads.forget(changed)
    before.answer.set_result("a secret")
    after.answer.set_result("nothing")
    assert await asked == ("nothing" if reads_again else "a secret")
