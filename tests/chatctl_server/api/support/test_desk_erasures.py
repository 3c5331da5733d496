"""What was erased is told to nobody who has not been told it: a slow client of the desk."""

from pathlib import Path

from application import reached
from desk import serving

LONG = "x" * 30_000


async def test_a_slow_client_is_not_told_what_was_erased_meanwhile(tmp_path: Path) -> None:
    async with serving(tmp_path, visitor_messages_per_minute=0) as desk:
        conversation = await desk.open(desk.bo)
        path = f"/api/conversations/{conversation}/messages"
        sockets = [await desk.dial(each) for each in (desk.anna, desk.bo)]
        for each in sockets:
            each.may_send.clear()
        for _ in range(8):  # more than lies between the server and its client
            await desk.say(desk.bo, conversation, LONG)
        secret = await desk.say(desk.bo, conversation, "my number is 4711")
        body = {"content": "4711, I say"}
        await desk.told(desk.bo, "PUT", f"{path}/{secret['id']}", body)
        await desk.told(desk.adam, "DELETE", f"{path}/{secret['id']}?hard=true")
        await desk.say(desk.bo, conversation, "the last one")
        for each in sockets:
            each.may_send.set()
            await reached(lambda each=each: "the last one" in each.raw[-1])
            assert not [text for text in each.raw if "4711" in text]
            deleted = {"message_id": secret["id"], "soft": False}
            assert deleted.items() <= each.told("message_deleted")[0].items()
            assert len(each.told("message_appended")) == 9
