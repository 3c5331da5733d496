"""Visitors and agents by ``SupportClient`` of chatctl.js, in a real browser, at a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, chromium
from scripts import KILLS, RECORD, open_page, told, until
from shops import Shop, open_shop
from sites import site

NAMES = (
    "connecting connected disconnected resync message_appended message_updated message_deleted"
    " conversation_opened conversation_closed conversation_reopened Typing Read Error"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path) as found:
        yield found


@pytest.fixture
def page(shop: Shop, browser: Browser) -> Browser:
    """With ``visitor`` and ``agent``, who are connected, and a conversation of theirs."""
    open_page(browser, shop.server)
    begin(browser, shop)
    return browser


def begin(browser: Browser, shop: Shop) -> None:
    browser.resolved(
        f"""
        const answer = await fetch("{shop.server.url}/api/visitors", {{
            method: "POST",
            headers: {{ "Content-Type": "application/json" }},
            body: JSON.stringify({{ site: "{shop.key}" }}),
        }});
        const server = "{shop.server.url}";
        const {{ visitor_token: token }} = await answer.json();
        window.visitor = new SupportClient({{ server, site: "{shop.key}", visitor: token }});
        window.agent = new SupportClient({{ server, getToken: () => "{shop.anna.token}" }});
        record(visitor, ...{NAMES.split()});
        window.heard = [];
        for (const name of {NAMES.split()}) agent.on(name, (it) => heard.push([name, it]));
        visitor.connect();
        agent.connect();
        """
    )
    until(browser, "visitor.state === 'connected' && agent.state === 'connected'")
    browser.resolved("window.here = (await visitor.request('POST', '/api/conversations', {})).id")


def contents(browser: Browser, events: str) -> list[str]:
    shown = f"{events}.filter(([name]) => name === 'message_appended')"
    return list(browser.value(f"{shown}.map(([, it]) => it.data.message.content)"))


@pytest.mark.timeout(180)
def test_each_message_once_and_in_order_though_the_server_is_killed(
    shop: Shop, page: Browser
) -> None:
    page.value(
        "window.sent = 0; window.talk = setInterval(() => { sent += 1;"
        " keep(visitor.send(here, `visitor ${sent}`)); keep(agent.send(here, `agent ${sent}`)); },"
        " 40); 0"
    )
    for _ in range(KILLS):
        before = page.value("told.length")
        until(page, f"told.length > {before + 20}")
        shop.server.kill()
        until(page, "visitor.state === 'connecting' && agent.state === 'connecting'")
        shop.server.start()
        until(page, "visitor.state === 'connected' && agent.state === 'connected'")
    page.value("clearInterval(talk)")
    until(page, "answers.length === 2 * sent")
    stored = shop.texts()
    until(page, f"heard.at(-1)[1]?.data?.message?.content === '{stored[-1]}'")
    until(page, f"told.at(-1)[1]?.data?.message?.content === '{stored[-1]}'")
    assert contents(page, "told") == contents(page, "heard") == stored
    for who in ("visitor", "agent"):
        mine = [text for text in stored if text.startswith(who)]
        assert mine == [f"{who} {number}" for number in range(1, page.value("sent") + 1)]
    assert told(page, "resync") == []


def test_a_client_goes_on_behind_an_event(shop: Shop, page: Browser) -> None:
    page.resolved("await visitor.send(here, 'one')")
    until(page, "told.some(([name]) => name === 'message_appended')")
    place = page.value("told.find(([name]) => name === 'message_appended')[1].event_id")
    shop.say("two")
    page.value(
        f"const {{ site, visitor: token }} = visitor; told.length = 0; visitor.disconnect();"
        f" record(new SupportClient({{ site, visitor: token, position: '{place}' }}),"
        " 'message_appended').connect(); 0"
    )
    until(page, "told.some(([name]) => name === 'message_appended')")
    assert contents(page, "told") == ["two"]


def test_who_has_joined_sees_others_write(shop: Shop, page: Browser) -> None:
    page.value("visitor.join(here); agent.join(here); 0")
    until(
        page,
        "(agent.command('Typing', {conversation_id: here}),"
        " told.some(([name]) => name === 'Typing'))",
    )
    shop.server.kill()
    until(page, "visitor.state === 'connecting' && agent.state === 'connecting'")
    shop.server.start()
    page.value("told.length = 0")
    until(
        page,
        "(agent.command('Typing', {conversation_id: here}),"
        " told.some(([name]) => name === 'Typing'))",
    )


def test_without_websockets_it_polls(shop: Shop, browser: Browser) -> None:
    module = (
        "<script type=module>"
        f"Object.assign(window, await import('{shop.server.url}/static/chatctl.js'));"
        f"{RECORD} window.isReady = true;</script>"
    )
    with site() as elsewhere:
        policy = {"Content-Security-Policy": f"connect-src {shop.server.url}"}
        browser.open(elsewhere.page(module, policy))
        until(browser, "window.isReady")
        begin(browser, shop)
        browser.resolved("await visitor.send(here, 'one'); await agent.send(here, 'two')")
        shop.say("three")
        until(browser, "told.filter(([name]) => name === 'message_appended').length === 3")
        assert contents(browser, "told") == ["one", "two", "three"]
        browser.value("visitor.disconnect(); agent.disconnect(); 0")


def test_envelopes_are_ordered_by_their_times(shop: Shop, page: Browser) -> None:
    made = "(timestamp, emitted_at) => ({ emitted_at, data: { message: { timestamp } } })"
    assert page.value(
        f"(() => {{ const make = {made};"
        " return [make('2', '3'), make('1', '4'), make('2', '1'), make('1', '4')]"
        ".sort(compareMessages).map((it) => it.data.message.timestamp + it.emitted_at); })()"
    ) == ["14", "14", "21", "23"]


def test_who_shows_a_bad_token_is_not_let_in(shop: Shop, page: Browser) -> None:
    page.value(
        f"window.bad = record(new SupportClient({{ site: '{shop.key}', visitor: 'bad' }}),"
        " 'disconnected').connect(); 0"
    )
    until(page, "bad.state === 'disconnected'")
    assert told(page, "disconnected")[0]["code"] == 4501


def test_a_visitor_where_all_of_this_machine_are_agents_hears_their_own(
    tmp_path: Path, browser: Browser
) -> None:
    """Also of what happened while they were away."""
    with open_shop(tmp_path, SUPPORT_ACCESS="open") as shop:
        shop.become_default()
        open_page(browser, shop.server)
        begin(browser, shop)
        browser.resolved("await visitor.send(here, 'one'); await agent.send(here, 'two')")
        until(browser, "told.filter(([name]) => name === 'message_appended').length === 2")
        browser.value("visitor.disconnect(); 0")
        shop.say("between us", is_private=True)
        shop.say("three")
        shop.ask("POST", "/api/conversations", {"site_id": shop.id, "customer_name": "Zoe"})
        shop.say("to another one")
        browser.value("visitor.connect(); 0")
        until(browser, "told.filter(([name]) => name === 'message_appended').length === 3")
        browser.resolved("await visitor.send(here, 'the end')")
        until(browser, "told.filter(([name]) => name === 'message_appended').length === 4")
        assert contents(browser, "told") == ["one", "two", "three", "the end"]
