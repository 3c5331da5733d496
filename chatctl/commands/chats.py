"""``chatctl chats``: chats of team chat, in whatever workspace."""

from typing import Annotated, Literal

from chatctl.input import team
from chatctl.input.team import CHAT
from chatctl.link import connection
from chatctl.link.client import Json
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output, results

_LIST = output.columns(
    "id ID number; name NAME; type TYPE id; workspace_id WORKSPACE number; created_by BY number; "
    "chat_members MEMBERS; updated_at CHANGED time"
)
_MEMBERS = output.columns("user_id USER number; role ROLE id; joined_at JOINED time")
ChatWord = Annotated[str, arg("CHAT")]


@verb(
    "ls",
    "chatctl chats ls",
    "chatctl chats ls --workspace 0 --match lunch --json",
    exits=(3, 4, 5),
    columns=_LIST,
)
def ls(
    options: Options,
    match: Annotated[str | None, opt("--match", "Only with this in the name.", "TEXT")] = None,
    workspace: Annotated[str | None, opt("--workspace", "Only of this one.", "WORKSPACE")] = None,
) -> None:
    """List the chats of all workspaces, by their ids."""
    query: dict[str, str | int] = {} if match is None else {"q": match}
    with connection.open(options) as server:
        if workspace is not None:
            query["workspace"] = team.find(server, team.WORKSPACE, workspace)["id"]
        found = [
            each for page in server.pages(CHAT.path, {**query, "limit": 1000}) for each in page
        ]
    output.rows(options, _LIST, found)


@verb(
    "create",
    "chatctl chats create news --type PublicChannel --owner anna@example.org",
    "chatctl chats create pair --type Single --owner ben@example.org "
    "--member anna@example.org --json",
    exits=(3, 4, 5),
    changes=True,
)
def create(
    options: Options,
    name: Annotated[str, arg("NAME")],
    kind: Annotated[
        Literal["Single", "Group", "PrivateChannel", "PublicChannel"],
        opt(
            "--type", "Whom it is for (docs/team.md).", "Single|Group|PrivateChannel|PublicChannel"
        ),
    ],
    owner: Annotated[str, opt("--owner", "Who owns it.", "ACCOUNT")],
    member: Annotated[
        list[str] | None, opt("--member", "Who else is in it; may be repeated.", "ACCOUNT")
    ] = None,
    workspace: Annotated[
        str | None, opt("--workspace", "Where it is; 0 unless given.", "WORKSPACE")
    ] = None,
) -> None:
    """Make a chat for somebody and print its id."""
    body: Json = {"name": name, "type": kind}
    with connection.open(options, writes=True) as server:
        body["owner"] = team.find(server, team.ACCOUNT, owner)["id"]
        body["members"] = [team.find(server, team.ACCOUNT, each)["id"] for each in member or ()]
        if workspace is not None:
            body["workspace"] = team.find(server, team.WORKSPACE, workspace)["id"]
        made = server.post(CHAT.path, body)
    results.tell(options, {"changed": True, **made}, f"{made['name']} is chat {made['id']}")


@verb("show", "chatctl chats show news", "chatctl chats show lunch --json", exits=(3, 4, 5))
def show(options: Options, chat: ChatWord) -> None:
    """Show one chat."""
    with connection.open(options) as server:
        found = team.find(server, CHAT, chat)
    output.record(options, output.labels(_LIST), found)


@verb(
    "members",
    "chatctl chats members news",
    "chatctl chats members lunch --json",
    exits=(3, 4, 5),
    columns=_MEMBERS,
)
def members(options: Options, chat: ChatWord) -> None:
    """List who is in a chat, and as what."""
    with connection.open(options) as server:
        found = team.find(server, CHAT, chat)
        rows = server.get(team.path(CHAT, found, "members"))
    output.rows(options, _MEMBERS, rows)


@verb(
    "transfer",
    "chatctl chats transfer lunch ben@example.org",
    "chatctl chats transfer lunch ben@example.org --json",
    exits=(3, 4, 5),
    changes=True,
)
def transfer(options: Options, chat: ChatWord, account: Annotated[str, arg("ACCOUNT")]) -> None:
    """Make another member of a chat its owner."""
    with connection.open(options, writes=True) as server:
        found = team.find(server, CHAT, chat)
        heir = team.find(server, team.ACCOUNT, account)["id"]
        present = server.get(team.path(CHAT, found, "members"))
        changed = {"user_id": heir, "role": "owner"} not in [
            {"user_id": each["user_id"], "role": each["role"]} for each in present
        ]
        done = server.patch(team.path(CHAT, found), {"owner": heir})
    said = f"user {heir} owns {done['name']}"
    results.tell(options, {"changed": changed, "owner": heir, **done}, said)


@verb("rm", "chatctl chats rm news", "chatctl chats rm lunch --json", exits=(3, 4, 5), changes=True)
def rm(options: Options, chat: ChatWord) -> None:
    """Delete a chat: nobody finds it any more."""
    with connection.open(options, writes=True) as server:
        found = team.find(server, CHAT, chat)
        server.delete(team.path(CHAT, found))
    done = {"changed": True, "id": found["id"], "name": found["name"]}
    results.tell(options, done, f"{found['name']} was deleted")
