"""``chatctl workspaces``."""

import math
from typing import Annotated, Literal

from chatctl.input import team, times
from chatctl.input.team import WORKSPACE
from chatctl.link import connection
from chatctl.link.client import Json
from chatctl.shell.failures import Failure
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output, results

_LIST = output.columns(
    "id ID number; name NAME; owner_id OWNER number; is_open OPEN; created_at CREATED time; "
    "description DESCRIPTION"
)
_MEMBERS = output.columns(
    "id ID number; fullname NAME; email E-MAIL id; role ROLE id; status STATUS id"
)
WorkspaceWord = Annotated[str, arg("WORKSPACE")]


@verb("ls", "chatctl workspaces ls", "chatctl workspaces --json", exits=(3, 4), columns=_LIST)
def ls(options: Options) -> None:
    """List the workspaces, by number."""
    with connection.open(options) as server:
        found = team.listed(server, WORKSPACE, {})
    output.rows(options, _LIST, found)


@verb(
    "create",
    "chatctl workspaces create Acme --owner anna@example.org",
    "chatctl workspaces create Anvils --open --json",
    exits=(3, 4, 5),
    changes=True,
)
def create(
    options: Options,
    name: Annotated[str, arg("NAME")],
    owner: Annotated[str | None, opt("--owner", "Who owns it.", "ACCOUNT")] = None,
    is_open: Annotated[bool, opt("--open", "Who signs up may join it by its name.")] = False,
) -> None:
    """Make a workspace and print its number."""
    body: Json = {"name": name, "is_open": is_open}
    with connection.open(options, writes=True) as server:
        if owner is not None:
            body["owner"] = team.find(server, team.ACCOUNT, owner)["id"]
        made = server.post(WORKSPACE.path, body)
    results.tell(options, {"changed": True, **made}, f"{made['name']} is workspace {made['id']}")


@verb("show", "chatctl workspaces show Acme", "chatctl workspaces show 0 --json", exits=(3, 4, 5))
def show(options: Options, workspace: WorkspaceWord) -> None:
    """Show one workspace."""
    with connection.open(options) as server:
        found = team.find(server, WORKSPACE, workspace)
    output.record(options, output.labels(_LIST), found)


@verb(
    "members",
    "chatctl workspaces members Acme",
    "chatctl workspaces members 0 --json",
    exits=(3, 4, 5),
    columns=_MEMBERS,
)
def members(options: Options, workspace: WorkspaceWord) -> None:
    """List who is in a workspace, and as what."""
    with connection.open(options) as server:
        found = team.find(server, WORKSPACE, workspace)
        rows = server.get(team.path(WORKSPACE, found, "members"))
    output.rows(options, _MEMBERS, rows)


@verb(
    "invite",
    "chatctl workspaces invite Acme --role admin --email ben@example.org",
    "chatctl workspaces invite 0 --uses 20 --expires 2d --json",
    exits=(3, 4, 5),
    changes=True,
)
def invite(
    options: Options,
    workspace: WorkspaceWord,
    role: Annotated[
        Literal["owner", "admin", "agent", "member"],
        opt("--role", "What they become; member unless given.", "owner|admin|agent|member"),
    ] = "member",
    email: Annotated[str | None, opt("--email", "Whom alone it is for.", "E-MAIL")] = None,
    expires: Annotated[
        str, opt("--expires", "It ends after that time; 7d unless given.", "TIME")
    ] = "7d",
    uses: Annotated[int, opt("--uses", "How many may use it; 1 unless given.", "N", min=1)] = 1,
) -> None:
    """Print a link with which somebody comes into a workspace; it is shown this once."""
    seconds = math.ceil(times.duration(expires, "--expires", needs_unit=True))
    body: Json = {"role": role, "expires_in": seconds, "max_uses": uses}
    if email is not None:
        body["email"] = email
    with connection.open(options, writes=True) as server:
        found = team.find(server, WORKSPACE, workspace)
        made = server.post(team.path(WORKSPACE, found, "invites"), body)
    results.link(options, {"changed": True, **made})


@verb(
    "rm",
    "chatctl workspaces rm Acme --force",
    "chatctl workspaces rm Acme --force --json",
    exits=(3, 4, 5),
    because={5: "somebody is in it, or its name is ambiguous"},
    changes=True,
)
def rm(
    options: Options,
    workspace: WorkspaceWord,
    force: Annotated[bool, opt("--force", "Also while somebody is in it.")] = False,
) -> None:
    """Delete a workspace, with its chats."""
    with connection.open(options, writes=True) as server:
        found = team.find(server, WORKSPACE, workspace)
        try:
            server.delete(team.path(WORKSPACE, found), force="true" if force else "false")
        except Failure as failure:
            if failure.code == "conflict":
                failure.hint = "--force"
            raise
    done = {"changed": True, "id": found["id"], "name": found["name"]}
    results.tell(options, done, f"{found['name']} was deleted")
