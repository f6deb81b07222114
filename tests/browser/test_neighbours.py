"""Lost sockets, a second caller, strangers at the door, a crowd: the conversation goes on."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bench import clock
from bench.app import serve
from bench.app.server import create_app
from bench.app.session import SessionRequest
from bench.engine.conversation import StreamingConversation
from bench.engine.worker import spawn
from bench.events import CutOff, PlaybackFinished, Resumed, TurnCommitted
from bench.testing import ScriptedAgent
from tests.app.far_end import SOUND, scripted
from tests.browser.drive import browser, tab
from tests.browser.heard import sounded
from tests.browser.live_bench import (
    LOADED,
    PATIENCE_SECONDS,
    RATE,
    Caller,
    LiveBench,
    caller,
    server,
)
from tests.browser.stub import Stub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

STORY = "tell me a story"
QUESTION = "can i pay by card"
ANSWER = "You can pay by card or in cash."


def come_back(person: Caller, times: int) -> None:
    """Wait until the page has its socket again."""
    person.page.wait(f"told.filter((e) => e.resumed).length === {times}", PATIENCE_SECONDS)


def test_a_call_survives_a_lost_socket_and_five_seconds_offline(
    chrome: Browser, bench: LiveBench
) -> None:
    with caller(chrome, bench, complains=("uncaught",)) as person:
        person.call()
        answer = person.ask(STORY)
        person.plays(answer, 0.5)
        bench.lose_sockets()
        come_back(person, 1)
        person.wait(Resumed, reason="client came back")
        person.plays(answer, answer.played / RATE + 0.5)

        network, before = person.page.page.context, person.now
        network.set_offline(True)
        bench.lose_sockets()
        person.page.page.wait_for_timeout(5000)
        stood = answer.played
        network.set_offline(False)
        come_back(person, 2)
        person.wait(Resumed, before, reason="client came back")
        person.plays(answer, stood / RATE + 0.5)

        before = person.now
        person.say("hold on")
        reply = person.wait(TurnCommitted, before)
        person.wait(PlaybackFinished, before, turn=reply.turn)
        lost = {
            report["utterance"]: report["played"]
            for report in person.told("report", type="cleared")
        }
        recording = person.page.recording()
        (cut,) = person.of(CutOff)
        assert {ready["session"] for ready in person.told("message", type="ready")} == {
            person.session.id
        }
    # The story went over the wire three times, each time from where the page had lost it.
    assert sum(lost.values()) == cut.played
    story, reply_pcm = (bytes(pcm) for pcm in person.sent.values())
    said, begin = list[tuple[bytes, int]](), 0
    for played in lost.values():
        said.append((story[2 * begin :], played))
        begin += played
    sounded(recording, [*said, (reply_pcm, len(reply_pcm) // 2)], person.greeted)


def test_two_callers_do_not_hear_each_other(chrome: Browser, bench: LiveBench) -> None:
    with caller(chrome, bench) as one, caller(chrome, bench) as other:
        one.call()
        other.call()
        answers = one.ask(QUESTION), other.ask("is there parking")
        for person, answer in zip((one, other), answers, strict=True):
            person.wait(PlaybackFinished, utterance=answer.id)
            sounded(person.page.recording(), _played(person), person.greeted)
        chats = one.page.text("#chat"), other.page.text("#chat")
    assert one.session.id != other.session.id
    assert [m.text for m in one.session.conversation.transcript.event_logs][1:] == [
        QUESTION,
        ANSWER,
    ]
    assert QUESTION in chats[0]
    assert "parking" not in chats[0]
    assert "parking" in chats[1]
    assert QUESTION not in chats[1]


def _played(person: Caller) -> list[tuple[bytes, int]]:
    return [(bytes(pcm), person.utterance(id).played) for id, pcm in person.sent.items()]


def test_a_denied_microphone_is_said_in_words(
    playwright: Playwright, chromium: str, bench: LiveBench
) -> None:
    flags = ("--use-fake-device-for-media-stream", "--deny-permission-prompts")
    with (
        browser(playwright, chromium, *flags) as strict,
        tab(strict, f"{bench.url}gradio/", kit={"realMicrophone": True}) as page,
    ):
        page.wait(LOADED, PATIENCE_SECONDS)
        page.talk()
        page.wait("!document.querySelector('.problem').hidden", PATIENCE_SECONDS)
        assert "The microphone is blocked" in page.text(".problem")
        assert page.text(".talk") == "Start"


def test_a_forged_token_is_refused_in_words(chrome: Browser, bench: LiveBench) -> None:
    with caller(chrome, bench) as person:
        theirs = person.page.evaluate("talkbench.start().session")
        person.page.evaluate(
            """() => { const { options } = talkbench.strip; const { start } = options;
            options.start = async () => ({ ...await start(), token: '0'.repeat(48) }); }"""
        )
        person.page.talk()
        person.page.wait("!document.querySelector('.problem').hidden", PATIENCE_SECONDS)
        person.page.wait("document.querySelector('.voice').dataset.talking === 'false'")
        assert "token is not valid" in person.page.text(".problem")
        assert person.page.text(".talk") == "Start"
        (refusal,) = person.told("message", type="error")
        assert (refusal["code"], refusal["fatal"]) == ("not_allowed", True)
        assert [event["code"] for event in person.told("socket", state="closed")] == [4401]
    assert theirs not in {session.id for session in bench.sessions}


KNOCK = """(url) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  const said = [];
  socket.onmessage = ({ data }) => said.push(JSON.parse(data));
  socket.onclose = ({ code }) => resolve([said, code]);
})"""


def test_a_page_of_another_origin_is_refused_in_words(
    chrome: Browser, bench: LiveBench, stub: Stub
) -> None:
    with tab(chrome, f"http://localhost:{stub.port}/") as page:
        said, code = page.evaluate(KNOCK, f"ws://127.0.0.1:{bench.port}/conversation")
    assert code == 4401
    assert [(message["type"], message["fatal"]) for message in said] == [("error", True)]
    assert "origin is another one" in said[0]["message"]


NONSENSE = ("", "{", "[]", '{"type":"dance"}', '{"type":"mute"}', "[" * 9999, "\0\ud7ff")
ATTACKS: dict[str, tuple[Iterable[str | bytes], int]] = {
    "junk text": (NONSENSE * 20, 1008),
    "a huge frame": ((bytes(65_537),), 1009),
    "a frame beyond all bounds": ((bytes(1 << 21),), 1009),
    "tiny frames": ((b"\1",) * 20_000, 4429),
    "empty frames": ((b"",) * 20_000, 4429),
    "a flood of sound": ((bytes(range(250)) * 128,) * 300, 4429),
    "a flood of messages": (('{"type":"interrupt"}',) * 5000, 4429),
    "odd bytes": ((b"\1\2\3", b"\4") * 50, 1000),
}


def attack(port: int, frames: Iterable[str | bytes]) -> int:
    """Send it all, and hang up unless the server has; the close code."""
    with connect(f"ws://127.0.0.1:{port}/conversation", compression=None) as socket:
        try:
            socket.send(json.dumps({"type": "start"}))
            for frame in frames:
                socket.send(frame)
            socket.send(json.dumps({"type": "end"}))
            while True:
                socket.recv(timeout=PATIENCE_SECONDS)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


def test_hostile_clients_hurt_nobody_else(chrome: Browser, bench: LiveBench) -> None:
    codes: dict[str, int] = {}

    def storm() -> None:
        for name, (frames, _) in ATTACKS.items():
            codes[name] = attack(bench.port, frames)

    with caller(chrome, bench) as person:
        person.call()
        before = {session.id for session in bench.sessions}
        hostile = threading.Thread(target=storm)
        hostile.start()
        answer = person.ask("is there parking")
        person.wait(PlaybackFinished, utterance=answer.id)
        hostile.join()
        answer = person.ask(QUESTION)
        person.wait(PlaybackFinished, utterance=answer.id)
        sounded(person.page.recording(), _played(person), person.greeted)
        # Who breaks off without a word is waited for like anyone who lost the network.
        left = {session.id for session in bench.sessions} - before
        assert len(left) <= 1
        assert person.of(CutOff) == []
        assert [m.text for m in person.session.conversation.transcript.event_logs][-1] == ANSWER
    assert codes == {name: code for name, (_, code) in ATTACKS.items()}


def test_fifty_plain_clients_at_once_are_all_answered() -> None:
    heard, expected = _in_a_loop_of_its_own(_crowd(50))
    assert len(heard) == 50
    assert set(heard) == {(expected, 1000)}


def _in_a_loop_of_its_own(coroutine: Any) -> Any:
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(clock.run(coroutine)))
    thread.start()
    thread.join()
    return outcome[0]


async def _crowd(size: int) -> tuple[list[tuple[int, int]], int]:
    """Bytes of speech and close code of each client, and the bytes that there were to hear."""
    lengths: set[int] = set()

    def assemble(request: SessionRequest) -> StreamingConversation:
        return scripted(request, agent=ScriptedAgent(["We are open from nine to five."]))

    listener = serve.bind("127.0.0.1", 0)
    app = create_app(assemble)
    running = server(app)
    serving = spawn(running.serve([listener]), name="server")
    url = f"ws://127.0.0.1:{listener.getsockname()[1]}/conversation"

    async def talk() -> tuple[int, int]:
        async with connect_async(url, compression=None, open_timeout=PATIENCE_SECONDS) as socket:
            audio, id = 0, ""
            talking = spawn(_keep_talking(socket.send), name="microphone")
            async for frame in socket:
                if isinstance(frame, bytes):
                    audio += len(frame)
                    continue
                match json.loads(frame):
                    case {"type": "ready", "session": session}:
                        id = session
                    case {"type": "metrics"}:
                        await socket.send('{"type":"end"}')
                    case _:
                        pass
            talking.cancel()
            session = app.state.sessions.find(id)
            lengths.update(2 * played.samples for played in session.trace.of(PlaybackFinished))
            return audio, socket.close_code or 0

    try:
        async with clock.deadline(2 * PATIENCE_SECONDS):
            heard = await asyncio.gather(*(talk() for _ in range(size)))
    finally:
        running.should_exit = True
        await serving
    (length,) = lengths
    return heard, length


async def _keep_talking(send: Callable[[bytes], Any]) -> None:
    try:
        while True:
            await send(SOUND)
            await clock.sleep(0.02)
    except ConnectionClosed:
        return
