"""A key that is typed on the page reaches its vendor, and can be found nowhere else."""

import dataclasses
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from bench.events import PlaybackFinished, TurnCommitted
from tests.browser.drive import PATIENCE_SECONDS, Tab
from tests.browser.live_bench import BASE, LISTEN_IN, LOADED, RATE, Caller, LiveBench, caller
from tests.browser.test_page import go_to
from tests.browser.vendors import ANSWER, ASKED, KEYS, Vendors

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

PICKED = {
    "Recogniser": "Deepgram · ready (key given here)",
    "Agent": "OpenAI · ready",  # a service of that protocol at an address of one's own needs no key
    "Voice": "ElevenLabs · ready (key given here)",
}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    served = Vendors()
    yield served
    served.close()


@pytest.fixture(scope="module")
def wires() -> list["Wire"]:
    return []


@pytest.fixture(scope="module")
def keyless(vendors: Vendors, wires: list["Wire"]) -> Iterator[LiveBench]:
    def around(app: Any) -> Wire:
        wires.append(Wire(app))
        return wires[0]

    served = LiveBench(dataclasses.replace(BASE, services=vendors.services), around)
    yield served
    served.close()


class Wire:
    """An application, and all that was said to it and by it, over HTTP and over sockets."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.up: list[str] = []
        self.down: list[str] = []
        self.addresses: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if "path" in scope:
            self.addresses.append(f"{scope['path']}?{scope['query_string']}")

        async def received() -> Any:
            message = await receive()
            self.up.append(self._text(message))
            return message

        async def sent(message: Any) -> None:
            self.down.append(self._text(message))
            await send(message)

        await self.app(scope, received, sent)

    def _text(self, message: Any) -> str:
        body = message.get("body") or message.get("bytes") or b""
        text = bytes(body).decode("latin-1") if body else str(message.get("text") or "")
        return f"{message['type']} {message.get('headers', '')} {text}"


def open_keys(page: Tab) -> None:
    """The fields, once they are drawn: Gradio empties a field in the moment it first shows it."""
    go_to(page, "Settings")
    page.page.click("#keys button")
    page.page.wait_for_selector(f"#key-{list(KEYS)[-1]} input")
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => setTimeout(drawn, 50)))")


def type_keys(page: Tab) -> None:
    open_keys(page)
    for name, key in KEYS.items():
        page.page.fill(f"#key-{name} input", key)
    page.page.click("#keys-use")
    page.page.wait_for_selector("#keys-told :text('Ready now: Deepgram, ElevenLabs.')")


def pick(page: Tab) -> None:
    """One right after the other: what one choice brings must not undo the next."""
    for label, name in PICKED.items():
        page.page.get_by_label(label, exact=True).click()
        page.page.get_by_role("option", name=name, exact=True).click()
    page.wait(
        """(({transcriberProvider, llmProvider, voiceProvider}) =>
        `${transcriberProvider} ${llmProvider} ${voiceProvider}` === 'deepgram openai elevenlabs'
        )(talkbench.start())"""
    )
    for label, name in PICKED.items():
        shown = page.page.get_by_label(label, exact=True).input_value()
        assert shown == name


def stored(page: Tab) -> str:
    """What the page holds: as HTML, in its fields, its storages, its address and its props."""
    return json.dumps(
        page.evaluate(
            """() => [
              document.documentElement.outerHTML,
              [...document.querySelectorAll('input, textarea')].map((field) => field.value),
              {...localStorage}, {...sessionStorage}, document.cookie, location.href,
              window.gradio_config, talkbench.start(),
            ]"""
        )
    )


def exports(page: Tab, bench: LiveBench) -> str:
    """The files that the page hands out, and what the server says of itself."""
    go_to(page, "Export")
    found = list[str]()
    for kind in ("trace", "turns", "audio"):
        with page.page.expect_download(timeout=PATIENCE_SECONDS * 1000) as download:
            page.page.click(f"#export-{kind}")
        with open(download.value.path(), "rb") as file:
            found.append(file.read().decode("latin-1"))
    for path in ("gradio/config", "gradio/gradio_api/info", "gradio/", "metrics", "health"):
        found.append(page.page.request.get(f"{bench.url}{path}").text())
    return "\n".join(found)


def talk(person: Caller) -> None:
    """Start, hear the greeting, ask, and hear the answer."""
    person.page.talk()
    person.page.wait("talkbench.strip.open", PATIENCE_SECONDS)
    person.session = person.bench.session(person.told("message", type="ready")[0]["session"])
    person.wait(PlaybackFinished)
    before = person.now
    person.say(ASKED)
    person.wait(TurnCommitted, before, text=ASKED)
    person.wait(PlaybackFinished, before)


def test_a_turn_with_typed_keys_and_no_trace_of_them(
    chrome: Browser,
    keyless: LiveBench,
    vendors: Vendors,
    wires: list[Wire],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    (wire,) = wires
    with caller(chrome, keyless) as person:
        page = person.page
        type_keys(page)
        pick(page)
        talk(person)
        assert person.session.conversation.transcript.event_logs[-1].text == ANSWER
        assert all(
            (vendors.deepgram.sessions, vendors.openai.requests, vendors.elevenlabs.requests)
        )
        said = {
            "page": stored(page),
            "trace": person.session.trace_jsonl() + person.session.turns_csv(),
            "exports": exports(page, keyless),
            "repr": repr((person.session.settings, vars(person.session.conversation))),
        }
        page.page.reload()
        page.wait("window.talkbench?.start().voiceProvider === 'elevenlabs'", PATIENCE_SECONDS)
        said["page after a reload"] = stored(page)
        said["console"] = "\n".join(page.console)
    said["log"] = "\n".join(f"{r.name} {r.getMessage()} {r.exc_text}" for r in caplog.records)
    said["answers"], said["addresses"] = "\n".join(wire.down), "\n".join(wire.addresses)
    assert "Ready now: Deepgram, ElevenLabs." in said["answers"]
    assert "voiceProvider" in said["page"]
    assert {record.levelno for record in caplog.records} >= {logging.DEBUG}
    for key in KEYS.values():
        assert [name for name, text in said.items() if key in text] == []
        (when_typed,) = (message for message in wire.up if key in message)
        assert when_typed.startswith("http.request ")


def test_typed_keys_outlive_a_reload_and_go_with_every_conversation(
    chrome: Browser, keyless: LiveBench
) -> None:
    with caller(chrome, keyless) as person:
        page = person.page
        type_keys(page)
        for _ in range(2):
            page.page.reload()
            page.wait(LOADED)
        assert page.text(".talk") == "Start"
        go_to(page, "Settings")
        pick(page)
        page.evaluate(LISTEN_IN, RATE)
        person.call()
        page.talk()
        page.talk()  # at once, before the server has sent another ticket
        page.wait("told.filter((event) => event.message?.type === 'ready').length === 2")
        second = person.told("message", type="ready")[1]["session"]
        person.session = keyless.session(second)
        assert person.wait(PlaybackFinished).samples > 0
        assert page.page.locator(".problem").is_hidden()
        page.talk()
        page.wait(f"talkbench.start().session !== {second!r}")
        page.page.reload()
        page.wait("window.talkbench?.start().voiceProvider === 'elevenlabs'")
        assert not any(key in stored(page) for key in KEYS.values())
        with caller(chrome, keyless) as other:
            go_to(other.page, "Settings")
            other.page.page.get_by_label("Voice", exact=True).click()
            missing = "ElevenLabs · key missing: ELEVENLABS_API_KEY"
            assert other.page.page.get_by_role("option", name=missing).is_visible()


def test_keys_are_forgotten_on_request_and_a_wrong_one_is_said(
    chrome: Browser, keyless: LiveBench
) -> None:
    with caller(chrome, keyless) as person:
        page = person.page
        open_keys(page)
        page.page.fill("#key-ELEVENLABS_API_KEY input", "a key with spaces")
        page.page.keyboard.press("Enter")
        page.page.wait_for_selector("#keys-told [role=alert]")
        assert "that cannot be ELEVENLABS_API_KEY" in page.text("#keys-told")
        assert "spaces" not in page.text("#keys-told")
        page.page.fill("#key-ELEVENLABS_API_KEY input", "not-the-right-one")
        page.page.keyboard.press("Enter")
        page.page.wait_for_selector("#keys-told :text('Ready now: ElevenLabs')")
        go_to(page, "Voices")
        field = page.page.locator("#voices-chosen input")
        field.fill("Rachel")
        page.page.get_by_role("option", name="ElevenLabs · Rachel", exact=True).click()
        page.page.keyboard.press("Escape")
        page.page.click("#voices-run")
        page.wait("document.querySelectorAll('.tb-voices [data-state=done]').length === 2")
        page.page.wait_for_selector(".tb-voices [data-state=failed]")
        refused = page.text(".tb-voices [data-state=failed]")
        assert "ElevenLabs refused the key (status 401" in refused
        assert "not-the-right-one" not in refused
        go_to(page, "Settings")
        page.page.click("#keys-forget")
        page.page.wait_for_selector("#keys-told :text('forgotten')")
        page.page.get_by_label("Voice", exact=True).click()
        missing = "ElevenLabs · key missing: ELEVENLABS_API_KEY"
        assert page.page.get_by_role("option", name=missing).is_visible()
