"""``chatctl chats``: chats of team chat, in whatever workspace."""

from typing import Annotated, Literal

from chatctl.input import team
from chatctl.input.team import CHAT
from chatctl.link import connection
from chatctl.link.client import Json
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output, results

_LIST = output.columns(
    "id ID number; name NAME; type TYPE id; workspace_id WORKSPACE number; "
    "member_count MEMBERS number; created_by CREATED BY number; updated_at CHANGED time"
)
_SHOW = output.columns(
    "id id number; name name; type type id; workspace_id workspace number; "
    "description description; chat_members members; created_by created by number; "
    "created_at created time; updated_at changed time"
)
_MEMBERS = output.columns(
    "user_id ID number; fullname NAME; email E-MAIL id; role ROLE id; joined_at JOINED time"
)
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
        found = team.listed(server, CHAT, query)
    found = [{**each, "member_count": len(each["chat_members"])} for each in found]
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
    """Make a chat for somebody and print its id; of the Single that two have already, its."""
    body: Json = {"name": name, "type": kind}
    before: list[Json] = []
    with connection.open(options, writes=True) as server:
        body["owner"] = team.find(server, team.ACCOUNT, owner)["id"]
        body["members"] = [team.find(server, team.ACCOUNT, each)["id"] for each in member or ()]
        if workspace is not None:
            body["workspace"] = team.find(server, team.WORKSPACE, workspace)["id"]
        if kind == "Single":
            before = team.listed(server, CHAT, {"user_id": body["owner"]})
        made = server.post(CHAT.path, body)
    changed = made["id"] not in [each["id"] for each in before]
    already = "" if changed else " already"
    said = f"{made['name']} is chat {made['id']}{already}"
    results.tell(options, {"changed": changed, **made}, said)
    if not {*body["members"]} <= {*made["chat_members"]}:
        output.note(options, f"a {kind} has its owner alone until others join it")


@verb("show", "chatctl chats show news", "chatctl chats show lunch --json", exits=(3, 4, 5))
def show(options: Options, chat: ChatWord) -> None:
    """Show one chat."""
    with connection.open(options) as server:
        found = team.find(server, CHAT, chat)
    output.record(options, _SHOW, found)


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
        present = server.get(team.path(CHAT, found, "members"))
        people = {
            each["id"]: {"fullname": each["fullname"], "email": each["email"]}
            for each in team.listed(server, team.ACCOUNT, {"workspace": found["workspace_id"]})
        }
    rows = [{**each, **people.get(each["user_id"], {})} for each in present]
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
        heir = team.find(server, team.ACCOUNT, account)
        present = server.get(team.path(CHAT, found, "members"))
        owners = (each["user_id"] for each in present if each["role"] == "owner")
        owner = next(owners, None)
        done = server.patch(team.path(CHAT, found), {"owner": heir["id"]})
    changed = owner != heir["id"]
    said = f"{heir['fullname']} owns {done['name']}{'' if changed else ' already'}"
    results.tell(options, {"changed": changed, "owner": heir["id"], **done}, said)


@verb("rm", "chatctl chats rm news", "chatctl chats rm lunch --json", exits=(3, 4, 5), changes=True)
def rm(options: Options, chat: ChatWord) -> None:
    """Delete a chat: nobody finds it any more."""
    with connection.open(options, writes=True) as server:
        found = team.find(server, CHAT, chat)
        server.delete(team.path(CHAT, found))
    done = {"changed": True, "id": found["id"], "name": found["name"]}
    results.tell(options, done, f"{found['name']} was deleted")
