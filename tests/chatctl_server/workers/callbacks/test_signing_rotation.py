"""The secret of the settings is changed without a moment at which a receiver has the wrong one."""

from base64 import b64encode
from pathlib import Path

from hooks import calling
from receivers import Request, receiver
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

NEW, OLD, OWN, FOREIGN = (
    "whsec_" + b64encode(text.encode() * 4).decode()
    for text in ("the new.", "the old.", "its own.", "foreign.")
)


def signers(request: Request) -> list[str]:
    """Whose signatures the header has, in its order; the official library is asked for each."""
    found = []
    for signature in request.headers["webhook-signature"].split(" "):
        alone = {**request.headers, "webhook-signature": signature}
        for secret in (NEW, OLD, OWN, FOREIGN):
            try:
                Webhook(secret).verify(request.body, alone)
            except WebhookVerificationError:
                continue
            found.append(secret)
    return found


def test_each_secret_of_the_settings_signs(tmp_path: Path) -> None:
    secrets = {
        "CALLBACK_SIGNING_SECRET": f"{NEW} {OLD}",
        "CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    with (
        receiver() as hook,
        calling(tmp_path, hook, "ROOM_EVENT_CALLBACK_URL", **secrets) as server,
    ):
        body = {"url": f"{hook.origin}/added", "events": ["room.renamed"]}
        added = server.http.post("/management/callbacks", json=body).json()
        assert added["has_secret"] is True
        room = server.create_room()
        (created,) = hook.wait_for(1)
        for secret in (NEW, OLD):
            Webhook(secret).verify(created.body, created.headers)
        assert signers(created) == [NEW, OLD]
        server.http.patch(room.path, json={"room_name": "hall"})
        assert signers(hook.wait_for(2)[1]) == [NEW, OLD]
        path = f"/management/callbacks/{added['endpoint_id']}"
        changed = server.http.patch(path, json={"secret": OWN}).json()
        assert changed["secret_overlap_until"] > changed["created_at"]
        server.http.patch(room.path, json={"room_name": "barn"})
        assert signers(hook.wait_for(3)[2]) == [OWN, NEW, OLD]
        assert not [each for each in (NEW, OLD, OWN) if each[6:] in server.log.read_text()]
