"""``chatctl sites``: the tenants of the support desk."""

import html
import json
import shlex
import sys
from typing import Annotated, Literal

from chatctl.commands.rooms import LONG_SECONDS, NO_WAS_ANSWERED, ask, check_terminal
from chatctl.input import desk, targets, team
from chatctl.link import connection
from chatctl.link.client import Json
from chatctl.shell.failures import usage
from chatctl.shell.options import Options, arg, opt, verb
from chatctl.show import output, results
from chatctl.show.output import Column

_LIST = output.columns(
    "id ID id; name NAME; workspace_id WORKSPACE number; assignment ASSIGNMENT id; "
    "allowed_origins ORIGINS; key KEY id; created_at CREATED time"
)
# What a person reads.
_READ = _LIST[:-2]
_SHOW = output.columns(
    "id id id; name name; workspace_id workspace number; key key id; "
    "allowed_origins allowed origins; color color id; greeting greeting; "
    "away_message away message; asks asks for; locale locale id; assignment assignment id; "
    "business_hours business hours; blocked_visitors blocked visitors; created_at created time; "
    "updated_at changed time"
)
_SECRET = Column("secret", "secret", "id")
_KEY = output.columns("id id id; key key id; changed changed")
SiteWord = Annotated[str, arg("SITE")]
Origins = Annotated[
    str | None,
    opt("--origins", "Whose pages may show the widget, as scheme://host[:port].", "ORIGIN,…"),
]
WithSecret = Annotated[bool, opt("--secret", "Show the secret, too.")]


@verb("ls", "chatctl sites ls", "chatctl sites ls --workspace 0 --json", exits=(3, 4, 5),
      columns=_LIST)  # fmt: skip
def ls(
    options: Options,
    workspace: Annotated[str | None, opt("--workspace", "Only of this one.", "WORKSPACE")] = None,
) -> None:
    """List the sites of all workspaces, the oldest first."""
    query: dict[str, str | int] = {}
    with connection.open(options) as server:
        if workspace is not None:
            query["workspace"] = team.find(server, team.WORKSPACE, workspace)["id"]
        found = [_without_secret(each) for each in server.get(desk.SITES, query)]
    is_read = sys.stdout.isatty() and not options.json
    output.rows(options, _READ if is_read else _LIST, found)


@verb(
    "create",
    "chatctl sites create 'The shop' --origins https://shop.example.org",
    "chatctl sites create Kiosk --workspace Acme --json",
    exits=(3, 4, 5),
    changes=True,
)
def create(
    options: Options,
    name: Annotated[str, arg("NAME")],
    origins: Origins = None,
    workspace: Annotated[
        str | None, opt("--workspace", "Whose it is; 0 unless given.", "WORKSPACE")
    ] = None,
) -> None:
    """Make a site and print its id; its agents are those of its workspace."""
    body: Json = {"name": name}
    if origins is not None:
        body["allowed_origins"] = _listed(origins)
    with connection.open(options, writes=True) as server:
        if workspace is not None:
            body["workspace_id"] = team.find(server, team.WORKSPACE, workspace)["id"]
        made = _without_secret(server.post(desk.SITES, body))
    results.tell(options, {"changed": True, **made}, f"{made['name']} is site {made['id']}")


@verb("show", "chatctl sites show 'The shop'", "chatctl sites show site_3xk9v2m7 --secret --json",
      exits=(3, 4, 5))  # fmt: skip
def show(options: Options, site: SiteWord, secret: WithSecret = False) -> None:
    """Show a site and its settings."""
    with connection.open(options) as server:
        found = desk.find_site(server, site)
    if secret:
        output.record(options, (*_SHOW, _SECRET), found)
    else:
        output.record(options, _SHOW, _without_secret(found))


@verb(
    "set",
    "chatctl sites set 'The shop' --greeting 'How can we help?' --assignment round_robin",
    "chatctl sites set default --hours hours.json --away 'Back at nine' --json",
    exits=(3, 4, 5),
    changes=True,
)
def set_(
    options: Options,
    site: SiteWord,
    name: Annotated[str | None, opt("--name", "What visitors are shown.", "NAME")] = None,
    origins: Origins = None,
    color: Annotated[str | None, opt("--color", "Of the widget, such as #2563eb.", "COLOR")] = None,
    greeting: Annotated[
        str | None, opt("--greeting", "What the widget shows first.", "TEXT")
    ] = None,
    away: Annotated[
        str | None, opt("--away", "The answer outside of business hours; '' is none.", "TEXT")
    ] = None,
    asks: Annotated[
        str | None, opt("--asks", "What is asked first: name,email; '' is nothing.", "WHAT,…")
    ] = None,
    locale: Annotated[
        Literal["zh", "en", "browser"] | None,
        opt("--locale", "The widget's language.", "zh|en|browser"),
    ] = None,
    assignment: Annotated[
        Literal["manual", "round_robin"] | None,
        opt("--assignment", "How a conversation finds its agent.", "manual|round_robin"),
    ] = None,
    hours: Annotated[
        str | None,
        opt("--hours", "Business hours as the API has them, in JSON; always: no closing.", "FILE"),
    ] = None,
    block: Annotated[
        list[str] | None, opt("--block", "Who may not write; may be repeated.", "CUSTOMER")
    ] = None,
    unblock: Annotated[
        list[str] | None, opt("--unblock", "Who may again; may be repeated.", "CUSTOMER")
    ] = None,
) -> None:
    """Change a site's settings; what is not named stays."""
    given = {
        "name": name,
        "allowed_origins": None if origins is None else _listed(origins),
        "color": color,
        "greeting": greeting,
        "away_message": away,
        "asks": None if asks is None else _listed(asks),
        "assignment": assignment,
    }
    body: Json = {key: each for key, each in given.items() if each is not None}
    if locale is not None:
        body["locale"] = None if locale == "browser" else locale
    if hours is not None:
        body["business_hours"] = _hours(hours)
    if not (body or block or unblock):
        raise usage("nothing is to change: name a setting", "chatctl sites set --help")
    with connection.open(options, writes=True) as server:
        before = desk.find_site(server, site)
        if block or unblock:
            blocked = dict.fromkeys([*before["blocked_visitors"], *(block or ())])
            body["blocked_visitors"] = [each for each in blocked if each not in (unblock or ())]
        done = server.patch(desk.site_path(before), body)
    changed = any(before[key] != done[key] for key in body)
    said = f"{done['name']} is {'changed' if changed else 'so already'}"
    results.tell(options, {"changed": changed, **_without_secret(done)}, said)


@verb(
    "rotate-key",
    "chatctl sites rotate-key 'The shop'",
    "chatctl sites rotate-key 'The shop' --secret --json",
    exits=(3, 4, 5),
    changes=True,
)
def rotate_key(
    options: Options,
    site: SiteWord,
    secret: Annotated[
        bool, opt("--secret", "A new secret, too: no hash of before counts; it is shown.")
    ] = False,
) -> None:
    """Give a site a new key; from here on its pages need that one."""
    with connection.open(options, writes=True) as server:
        found = desk.find_site(server, site)
        done = server.post(desk.site_path(found, "rotate-key"), {"secret": secret})
    shown = {"changed": True, **(done if secret else _without_secret(done))}
    output.record(options, (*_KEY, _SECRET) if secret else _KEY, shown)


@verb(
    "integration",
    "chatctl sites integration 'The shop'",
    "chatctl sites integration 'The shop' --secret --json",
    exits=(3, 4, 5),
)
def integration(options: Options, site: SiteWord, secret: WithSecret = False) -> None:
    """Print the line that a site's pages need; with --secret its secret on a second one."""
    with connection.open(options) as server:
        found = desk.find_site(server, site)
    url, key = (html.escape(found[name]) for name in ("widget_url", "key"))
    script = f'<script src="{url}" data-site="{key}" defer></script>'
    kept = ("id", "name", "key", "widget_url", "allowed_origins", *(("secret",) if secret else ()))
    if options.json:
        output.document({**{name: found[name] for name in kept}, "script": script})
    else:
        for each in (script, *((found["secret"],) if secret else ())):
            output.talk_line(each)
    if found["widget_url"].startswith("/"):
        output.note(options, "PUBLIC_URL is not set: put the server's address before /embed")
    if not found["allowed_origins"]:
        output.note(options, "no origins are allowed: only pages of this machine show the widget")
        words = ("sites", "set", found["id"], "--origins", "https://shop.example.org")
        output.suggest(options, "chatctl", *words)


@verb(
    "rm",
    "chatctl sites rm 'The shop'",
    "chatctl sites rm 'The shop' --yes --json",
    exits=(3, 4, 5, 130),
    because={130: NO_WAS_ANSWERED},
    changes=True,
)
def rm(
    options: Options, site: SiteWord, yes: Annotated[bool, opt("--yes", "Do not ask.")] = False
) -> None:
    """Delete a site: its conversations are closed, and found no more."""
    if not yes:
        check_terminal("deleting a site", shlex.join(("chatctl", "sites", "rm", site, "--yes")))
        with connection.open(options) as server:  # a person may take their time
            found = desk.find_site(server, site)
        ask(f"Delete {found['name']} ({found['id']}), with all its conversations?")
    with connection.open(options, writes=True) as server:
        found = desk.find_site(server, site)
        server.renew(LONG_SECONDS)
        server.delete(desk.site_path(found))
    done = {"changed": True, "id": found["id"], "name": found["name"]}
    results.tell(options, done, f"{found['name']} was deleted")


def _without_secret(site: Json) -> Json:
    return {name: each for name, each in site.items() if name != "secret"}


def _listed(words: str) -> list[str]:
    return [each.strip() for each in words.split(",") if each.strip()]


def _hours(source: str) -> Json:
    if source == "always":
        return None
    try:
        return json.loads(targets.text_of(source, "--hours"))
    except ValueError:
        raise usage(f"--hours: {source} is not JSON", "--hours FILE, or --hours always") from None
