"""Pages on which the JavaScript clients run, in a real browser, and what they were told there."""

import os
from typing import Any

from browser import Browser
from world import Server, eventually

IS_LONG = os.environ.get("CHATCTL_PROOF") == "1"
KILLS = 5 if IS_LONG else 2  # of a server that is talked over
# Whatever it tells, and what was answered to what it sent, in the order of both.
RECORD = """
window.told = [];
window.record = (client, ...names) => {
    for (const name of names) client.on(name, (detail) => told.push([name, detail]));
    return client;
};
window.answers = [];
window.keep = (promise) => promise.then(
    (answer) => answers.push(answer),
    (error) => answers.push({refused: error.code, status: error.status, message: error.message}),
);
"""


def open_page(browser: Browser, server: Server) -> None:
    """A page of the server's own, which is nothing but its origin."""
    browser.open(f"{server.url}/static/chatctl.js")
    browser.value(RECORD)
    browser.resolved("Object.assign(window, await import('/static/chatctl.js'))")


def told(browser: Browser, *names: str) -> list[Any]:
    """The details of the events with those names, oldest first."""
    shown = f"told.filter(([name]) => {list(names)}.includes(name)).map(([, detail]) => detail)"
    return list(browser.value(shown))


def until(browser: Browser, expression: str, seconds: float = 30) -> None:
    eventually(lambda: browser.value(expression), seconds=seconds)
