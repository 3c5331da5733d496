"""What ``chatctl inbox`` shows: the conversations above, what was said in one of them below."""

from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.layout import Layout
from rich.text import Text

from chatctl.input import times
from chatctl.input.keys import LineEditor
from chatctl.link.client import Json
from chatctl.show.visible import shortened, visible, width

KEYS = "j/k select  Enter open  r reply  n note  a assign  c close  q quit"
KEYS_OF_AN_OPEN_ONE = "Enter reply  n note  a assign  c close  Esc back  j/k select  q quit"
KEYS_OF_A_LINE = "Enter send  Esc leave it"
_LEAST_ROWS = 3  # of the list
_AROUND = 3  # heading, the line between, footer
_STYLES = {"note": "yellow", "visitor": "bold", "system": "dim"}


@dataclass
class Inbox:
    """``has_more``: conversations than are listed. ``selected``: one's id. ``is_open``: it has the
    screen for itself. ``scroll``: how many lines the newest are below the screen. ``news``: what
    was said last, of the server or of what was done."""

    where: str
    conversations: list[Json] = field(default_factory=list)
    has_more: bool = False
    selected: str | None = None
    messages: list[Json] = field(default_factory=list)
    is_open: bool = False
    scroll: int = 0
    editor: LineEditor | None = None
    news: str = ""

    @property
    def current(self) -> Json | None:
        return next((each for each in self.conversations if each["id"] == self.selected), None)

    def move(self, steps: int) -> None:
        ids = [each["id"] for each in self.conversations]
        if not ids:
            return
        at = ids.index(self.selected) if self.selected in ids else 0
        self.selected = ids[max(0, min(len(ids) - 1, at + steps))]
        self.scroll = 0


def waits(conversation: Json) -> bool:
    """Whether the customer had the last word; a note between agents is no answer."""
    return conversation["waiting_since"] is not None


def layout(inbox: Inbox, console: Console, now: float) -> Layout:
    columns, rows = console.size
    left = rows - _AROUND - (inbox.editor is not None)
    listed = 1 if inbox.is_open else max(_LEAST_ROWS, left // 3)
    said = max(1, left - listed)
    parts: list[tuple[RenderableType, int]] = [
        (_heading(inbox, columns), 1),
        (_list(inbox, columns, listed, now), listed),
        (_between(inbox, columns), 1),
        (_said(inbox, console, said, now), said),
        (_footer(inbox, columns), 1),
    ]
    if inbox.editor is not None:
        parts.append((_line(inbox.editor, columns), 1))
    whole = Layout()
    whole.split_column(*(Layout(each, size=size) for each, size in parts))
    return whole


def _heading(inbox: Inbox, columns: int) -> Text:
    waiting = sum(map(waits, inbox.conversations))
    count = f"{len(inbox.conversations)}{'+' if inbox.has_more else ''}"
    said = f" {count} open, {waiting} waiting  {inbox.where}"
    return Text(_padded(said, columns), style="reverse", no_wrap=True)


def _list(inbox: Inbox, columns: int, rows: int, now: float) -> Text:
    """With the selected one in it."""
    if not inbox.conversations:
        return Text(" no conversation is open", style="dim")
    ids = [each["id"] for each in inbox.conversations]
    at = ids.index(inbox.selected) if inbox.selected in ids else 0
    first = max(0, min(at - rows // 2, len(ids) - rows))
    found = Text(no_wrap=True)
    for each in inbox.conversations[first : first + rows]:
        is_selected = each["id"] == inbox.selected
        line = _row(each, columns, now, is_selected=is_selected)
        found.append(f"{line}\n", style="bold" if is_selected else "")
    return found


def _row(conversation: Json, columns: int, now: float, *, is_selected: bool) -> str:
    last = conversation["last_message"]
    changed = times.moment(conversation["updated_at"], now) or now
    cells = (
        ">" if is_selected else " ",
        "!" if waits(conversation) else " ",
        _padded(times.relative(changed, now).removesuffix(" ago"), 4),
        _padded(name_of(conversation), 16),
        _padded(visible(conversation["assignee_id"] or "-"), 6),
        "" if last is None else visible(_text(last)),
    )
    return shortened(" ".join(cells), columns)


def name_of(conversation: Json) -> str:
    return visible(conversation["customer_name"] or conversation["id"])


def _between(inbox: Inbox, columns: int) -> Text:
    current = inbox.current
    said = ""
    if current is not None:
        labels = ", ".join(current["labels"])
        words = (name_of(current), current["priority"], visible(labels), current["id"][:13])
        said = f" {'  '.join(each for each in words if each)} "
    said = shortened(f"─{said}", columns)
    return Text(said + "─" * (columns - width(said)), style="dim", no_wrap=True)


def _said(inbox: Inbox, console: Console, rows: int, now: float) -> Text:
    """The newest at the end."""
    lines: list[Text] = []
    for message in inbox.messages:  # the newest first
        lines[:0] = _lines(message, console, now)
        if len(lines) >= rows + inbox.scroll:
            break
    inbox.scroll = max(0, min(inbox.scroll, len(lines) - rows))
    end = len(lines) - inbox.scroll
    if not lines:  # of an empty text Rich would show a box in its place
        return Text(" nothing was said yet" if inbox.current else " ", style="dim")
    return Text("\n").join(lines[max(0, end - rows) : end])


def _lines(message: Json, console: Console, now: float) -> list[Text]:
    """A person's line breaks stay; nothing else that acts on a terminal does."""
    kind = "note" if message["is_private"] else message["sender_type"]
    sent = times.moment(message["timestamp"], now) or now
    head = f" {times.relative(sent, now)} {visible(message['sender_name'] or kind)}"
    head += " (note): " if kind == "note" else ": "
    text = "\n".join(visible(each) for each in _text(message).split("\n"))
    whole = Text(head + text, style=_STYLES.get(kind, ""))
    return list(whole.wrap(console, console.size.width))


def _text(message: Json) -> str:
    file = message["file"]
    return str(message["content"] or ("" if file is None else f"[{file['name']}]"))


def _footer(inbox: Inbox, columns: int) -> Text:
    keys = KEYS_OF_AN_OPEN_ONE if inbox.is_open else KEYS
    if inbox.editor is not None:
        keys = KEYS_OF_A_LINE
    said = visible(inbox.news) or keys
    return Text(shortened(f" {said}", columns), style="dim", no_wrap=True)


def _line(editor: LineEditor, columns: int) -> Text:
    """As much of what is typed as there is room for, with the cursor in it."""
    head = shortened(f" {editor.what}: ", columns // 2)
    before, after = visible(editor.text[: editor.cursor]), visible(editor.text[editor.cursor :])
    room = columns - width(head) - 2
    while width(before) > room:
        before = before[1:]
    found = Text(f"{head}{before}", no_wrap=True)
    found.append(after[:1] or " ", style="reverse")
    found.append(shortened(after[1:], max(1, room - width(before))))
    return found


def _padded(text: str, columns: int) -> str:
    cut = shortened(text, columns)
    return cut + " " * (columns - width(cut))
