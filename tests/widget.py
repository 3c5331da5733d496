"""The widget on a page of some site, as whoever looks at it uses it."""

import html
import json
from pathlib import Path
from typing import Any

from browser import Browser
from world import eventually

ROOT = "document.querySelector('chatctl-widget').shadowRoot"
ITEMS = f"[...{ROOT}.querySelectorAll('li:is(.mine, .theirs)')]"


def script(server: str, key: str, **data: str) -> str:
    """The line that a site puts into its pages."""
    more = "".join(f' data-{name}="{html.escape(value)}"' for name, value in data.items())
    return f'<script src="{server}/embed/widget.js" data-site="{key}"{more} defer></script>'


class Widget:
    def __init__(self, tab: Browser, frame: str = "window") -> None:
        self.tab = tab
        self._frame = frame  # of the page whose widget it is

    def value(self, expression: str) -> Any:
        """``root`` is there; false while it is not."""
        page = f"{self._frame}.document.querySelector('chatctl-widget')?.shadowRoot"
        return self.tab.untouched(f"((root) => root && ({expression}))({page})")

    def until(self, expression: str, seconds: float = 30) -> None:
        eventually(lambda: self.value(f"!!({expression})"), seconds=seconds)

    def wait(self) -> "Widget":
        """Until it is drawn."""
        self.until("root.querySelector('.open')")
        return self

    def open(self) -> "Widget":
        self.wait()
        if self.value("root.querySelector('section').hidden"):
            self.click(".open")
        return self

    def click(self, selector: str) -> None:
        self.value(f"root.querySelector({json.dumps(selector)}).click()")

    def write(self, text: str) -> None:
        self.value(f"root.querySelector('textarea').value = {json.dumps(text)}")
        self.click(".send")

    def attach(self, *files: Path) -> None:
        """As the system's dialog gives them."""
        found = self.tab.call(
            "Runtime.evaluate",
            expression=f"{self._frame}.{ROOT}.querySelector('input[type=file]')",
        )
        self.tab.call(
            "DOM.setFileInputFiles",
            files=[str(each) for each in files],
            objectId=found["result"]["objectId"],
        )

    def texts(self, state: str = "") -> list[str]:
        """Of the messages, from above to below; with ``.waiting``, say, of some."""
        shown = f"root.querySelectorAll('li:is(.mine, .theirs){state} > div')"
        return list(self.value(f"[...{shown}].map((each) => each.textContent)") or [])

    def until_texts(self, *texts: str, seconds: float = 30) -> None:
        """Those and no other, all of them sent."""
        eventually(
            lambda: self.texts() == list(texts) and not self.texts(".waiting"), seconds=seconds
        )

    @property
    def unread(self) -> int:
        shown = "root.querySelector('.open span')"
        return int(self.value(f"{shown}.hidden ? 0 : {shown}.textContent"))

    @property
    def notice(self) -> str:
        return str(self.value("[...root.querySelectorAll('section > p')].at(-1).textContent"))
