"""The documents name everything that there is, and nothing that there is not."""

import re
from itertools import chain

import declared
from documents import ROOT, read

from chatctl.shell import registry
from chatctl_server import errors
from chatctl_server.api.rooms import commands
from chatctl_server.app import create_app
from chatctl_server.domain import close_codes, events
from chatctl_server.settings.sources import SECRET_FILES, SETTINGS, Settings
from chatctl_server.storage import maintenance, models

ROOMS = read("docs/rooms.md")
TEAM = read("docs/team.md")
KEYS = read("docs/keys.md")
SUPPORT = read("docs/support.md")
ARCHITECTURE = read("docs/architecture.md")
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in chain(ROOT.glob("*.md"), ROOT.glob("docs/**/*.md"), ROOT.glob("bench/*.md"))
)
METHODS = "GET|POST|PUT|PATCH|DELETE"
OTHER_NAMES = {
    "CREDENTIALS_DIRECTORY",
    "CHATCTL_SERVER",
    "CHAT_CONFIG",
    "NO_COLOR",
    "RUST_LOG",
    "SO_SNDBUF",
    "TCP_USER_TIMEOUT",
    "XDG_RUNTIME_DIR",
}


def row(name: str, text: str = ROOMS) -> str:
    """The table's row about it."""
    found = [line for line in text.splitlines() if line.startswith("| ") and f"`{name}`" in line]
    own = [line for line in found if f"`{name}`" in line.split("|")[1]]
    assert own, f"there is no row about {name}"
    return own[0]


def section(title: str, page: str = ROOMS) -> str:
    start = re.search(rf"^(#+) {title}$", page, re.MULTILINE)
    assert start is not None, title
    rest = page[start.end() :]
    end = re.search(rf"^#{{1,{len(start[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def every_error() -> dict[str, int]:
    assert maintenance  # has an error of its own
    found, waiting = {}, [errors.ChatctlError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        found.setdefault(error.code, error.status)  # of the headers alone it is 431
    return found


def test_every_error_code_has_its_row_with_its_status() -> None:
    codes = section("Error codes") + section("Error codes of team chat", TEAM)
    codes += section("Error codes of the desk", SUPPORT)
    documented = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", codes, re.MULTILINE))
    assert {code: int(status) for code, status in documented.items()} == every_error()


def test_every_frame_has_its_row() -> None:
    source = read("chatctl_server/views/rooms/frames.py")
    names = set(re.findall(r'_frame\(\s*"(\w+)"|"type":"(\w+)"', source))
    sent = {one or other for one, other in names}
    table = section("From the server")
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == sent


def test_every_command_of_a_client_has_its_row() -> None:
    names = re.findall(r"^\| `(\w+)` \|", section("From the client"), re.MULTILINE)
    assert sorted(names) == sorted(commands.NAMES)


def test_every_event_has_its_row_with_its_class_and_its_values() -> None:
    tables = section("The log") + section("The log of chats", TEAM)
    tables += section("The log of the desk", SUPPORT)
    for event in events.TYPES:
        _, _, event_class, data, _ = row(event.name, tables).split("|")
        values = re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", data))
        shown = (event_class.strip(), values)
        assert shown == (event.event_class, list(event.payload.__struct_fields__)), event.name
    rows = re.findall(r"^\| (`\w+\.\w+`.*?) \|", tables, re.MULTILINE)
    names = re.findall(r"`([\w.]+)`", " ".join(rows))
    assert sorted(names) == sorted(events.TYPE_NAMES)


def test_every_close_code_has_its_row() -> None:
    codes = {str(code) for name, code in vars(close_codes).items() if name.isupper()}
    rows = set(re.findall(r"^\| (\d{4}) \|", section("Close codes"), re.MULTILINE))
    # The library's own: a frame that is too large, and a connection that is lost.
    assert rows == codes | {"1006", "1009"}


def test_every_route_is_documented_and_every_documented_one_is_there() -> None:
    paths = declared.description()["paths"]
    routes = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    pages = ROOMS + TEAM + KEYS + SUPPORT
    documented = set(re.findall(rf"^\| ({METHODS}) `([^`]+)` \|", pages, re.MULTILINE))
    assert documented == routes | {("GET", "/schema"), ("GET", "/docs")}


def test_every_figure_of_the_metrics_is_named() -> None:
    metrics = create_app(Settings(database_url="sqlite:/nowhere/chat.db")).context.metrics
    names = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in metrics.registry.collect()
        if metric.name.startswith("chatctl_")
    }
    assert set(re.findall(r"`(chatctl_\w+)`", section("The server itself"))) == names


def test_the_compared_tables_are_listed_with_their_columns() -> None:
    for model in models.CORE:
        columns = [field.column_name for field in model._meta.sorted_fields]
        _, _, listed, _ = row(model._meta.table_name, ARCHITECTURE).split("|")
        assert re.findall(r"`(\w+)`", listed) == columns, model


def test_every_command_is_in_the_readme() -> None:
    """By its noun: docs/cli.md has each."""
    cells = re.findall(r"^\| (`chatctl [^|]+) \|", read("README.md"), re.MULTILINE)
    listed = [
        name.removeprefix("chatctl ") for cell in cells for name in re.findall("`(.+?)`", cell)
    ]
    assert sorted(listed) == sorted([*registry.NOUNS, *(verb.name for verb in registry.VERBS)])


def test_every_setting_and_every_file_that_a_page_names_exists() -> None:
    there = {*SETTINGS, *SECRET_FILES, *OTHER_NAMES}
    for page in PAGES:
        # Constants of Linux, SQLite and Python in backticks would be taken for settings: none are.
        named = set(re.findall(r"`(?:\$)?([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*|/[^`]*)?`", read(page)))
        assert named - there == set(), page
        files = re.findall(r"`((?:chatctl|chatctl_server|tests|bench|docs)/[\w./-]*)`", read(page))
        assert [name for name in files if not (ROOT / name).exists()] == [], page


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)]+)\)", _without_code(read(page))):
            if target.startswith("https://"):
                continue
            path, _, anchor = target.partition("#")
            linked = (ROOT / page).parent / path if path else ROOT / page
            assert linked.exists(), (page, target)
            assert not anchor or anchor in _anchors(linked.read_text()), (page, target)


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def _anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}


def test_every_decision_says_its_context_and_its_cost() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    index = read("docs/decisions/README.md")
    for number, path in enumerate(decisions, 1):
        title, *_ = text = path.read_text().splitlines()
        name = re.fullmatch(r"# (\d+)\. (.+)", title)
        assert name is not None, path
        assert int(name[1]) == number == int(path.name[:4]), path
        parts = re.findall(r"^\*\*(\w+)\.\*\*", "\n".join(text), re.MULTILINE)
        assert parts == ["Context", "Decision", "Cost"], path
        assert f"({path.name}) {name[2]}" in index, path
    assert len(decisions) == len(re.findall(r"^- \[", index, re.MULTILINE))
