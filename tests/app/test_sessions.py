"""Clients come and go, the conversation stays: resuming, limits, and who may have one."""

import asyncio
import contextlib

import pytest

from bench import clock
from bench.app.limits import Limits
from bench.app.session import SessionRequest
from bench.engine.conversation import StreamingConversation
from bench.engine.transcript import Sender
from bench.events import ConversationEnded, CutOff, PlaybackFinished, SettingsChanged
from bench.testing import STORY, ScriptedAgent, ScriptedTranscriber
from tests.app.far_end import PORT, QUIET, SOUND, Client, scripted, serving

pytestmark = pytest.mark.unit


async def wait_until_over(server_sessions: object, seconds: float = 120.0) -> None:
    async with clock.deadline(seconds):
        while len(server_sessions):  # pyright: ignore[reportArgumentType]
            await clock.sleep(0.1)


def test_a_lost_socket_loses_nothing_of_the_story() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            ready = await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("state", name="speaking")
            await clock.sleep(2.0)
            client.connection.transport.abort()
            await clock.sleep(20.0)  # held: nothing is said to nobody
            session = server.session()
            assert not session.connected
            heard_before = bytes(client.speaker.heard)
            again = await server.call(plays=True)
            # A page that kept its worklet: the same loudspeaker, with what it had buffered.
            again.speaker.stop()
            again.speaker = client.speaker
            again.speaker.client = again
            again.speaker.player = asyncio.get_running_loop().create_task(again.speaker._play())
            back = await again.start(
                session=ready["session"], token=ready["token"], framing="utterance"
            )
            assert back == ready
            await again.wait("state", name="listening")
            (finished,) = session.trace.of(PlaybackFinished)
            assert not session.trace.of(CutOff)
            heard = bytes(again.speaker.heard)
            assert heard.startswith(heard_before)
            assert len(heard) == 2 * finished.samples
            whole = tones(finished.samples)
            assert heard == whole
            assert session.conversation.transcript.event_logs[-1].text == STORY

    clock.run(main(), virtual=True)


def tones(samples: int) -> bytes:
    """The story as the tone synthesizer speaks it, sentence by sentence."""
    from bench.engine.answering import Sentences
    from bench.simulation import tone

    sentences = Sentences()
    parts = [*sentences.feed(STORY), sentences.flush()]
    pcm = b"".join(tone.speak(part, 16_000, None)[0] for part in parts if part)
    assert len(pcm) == 2 * samples
    return pcm


def test_a_client_that_stays_away_ends_the_conversation() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            ready = await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("state", name="speaking")
            await clock.sleep(1.0)
            session = server.session()
            await client.hang_up()
            await clock.sleep(59.0)
            assert len(server.app.state.sessions) == 1
            await clock.sleep(2.0)
            assert len(server.app.state.sessions) == 0
            (ended,) = session.trace.of(ConversationEnded)
            assert ended.reason == "disconnected"
            (cut,) = session.trace.of(CutOff)
            assert cut.played * 2 <= len(client.speaker.heard)
            late = await server.call()
            await late.send("start", session=ready["session"], token=ready["token"])
            assert await late.closed() == 4401
            assert late.of("error")[0]["code"] == "session_over"

    clock.run(main(), virtual=True)


def test_a_client_that_goes_while_the_conversation_begins_finds_it_begun() -> None:
    class Slow(ScriptedAgent):
        async def warm_up(self) -> None:
            await clock.sleep(1.0)

    async def main() -> None:
        async with serving(lambda request: scripted(request, agent=Slow())) as server:
            client = await server.call()
            ready = await client.start()
            await clock.sleep(0.3)
            client.connection.transport.abort()
            await clock.sleep(0.2)
            again = await server.call()
            await again.start(session=ready["session"], token=ready["token"])
            await clock.sleep(1.0)
            await again.talk(SOUND)
            await again.wait("state", name="speaking")

    clock.run(main(), virtual=True)


def test_idle_prompts_wait_for_the_client() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            await client.start(idle_seconds=8.0)
            session = server.session()
            await client.hang_up()
            await clock.sleep(50.0)
            assert not session.over
            assert not session.trace.of(PlaybackFinished)

    clock.run(main(), virtual=True)


def test_the_newest_socket_wins() -> None:
    async def main() -> None:
        async with serving() as server:
            first = await server.call()
            ready = await first.start()
            await first.talk(SOUND)
            await first.wait("state", name="speaking")
            second = await server.call()
            await second.start(session=ready["session"], token=ready["token"])
            assert await first.closed() == 4409
            await second.until(lambda: len(second.audio) > 10, "audio")
            assert server.session().connected
            await second.wait("state", name="listening")

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    "forged", [{"session": "someone", "token": "0" * 48}, {"token": "open sesame"}]
)
def test_a_forged_token_is_refused(forged: dict[str, str]) -> None:
    async def main() -> None:
        async with serving() as server:
            victim = await server.call()
            ready = await victim.start()
            if "session" in forged:
                forged["session"] = ready["session"]
            thief = await server.call()
            await thief.send("start", **forged)
            assert await thief.closed() == 4401
            error = thief.of("error")[0]
            assert error["fatal"]
            assert "token" in error["message"]
            assert forged["token"] not in error["message"]
            assert victim.close_code is None
            assert len(server.app.state.sessions) == 1

    clock.run(main(), virtual=True)


def test_beyond_loopback_everybody_needs_a_token() -> None:
    async def main() -> None:
        options = {"loopback": False, "secret": b"of the house", "token": "for programs"}
        async with serving(**options) as server:
            bare = await server.call()
            await bare.send("start")
            assert await bare.closed() == 4401
            at_once = await server.call()
            await at_once.talk(SOUND)
            assert await at_once.closed() == 4401
            program = await server.call()
            ready = await program.start(token="for programs")
            session, token = server.app.state.sessions.mint()
            page = await server.call()
            assert (await page.start(session=session, token=token, barge_in="on-vad")) == {
                "type": "ready",
                "session": session,
                "token": token,
                "sample_rate": 16_000,
            }
            assert ready["session"] != session

    clock.run(main(), virtual=True)


def test_a_session_the_page_named_can_be_started_again_when_it_is_over() -> None:
    async def main() -> None:
        async with serving() as server:
            session, token = server.app.state.sessions.mint()
            for _ in range(2):
                client = await server.call()
                ready = await client.start(session=session, token=token, barge_in="on-vad")
                assert ready["session"] == session
                first = server.session()
                await client.send("end")
                assert await client.closed() == 1000
                assert server.app.state.sessions.find(session) is first
                assert first.over

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    ("origin", "port", "allowed"),
    [
        (None, None, True),
        (f"http://localhost:{PORT}", None, True),
        ("https://friend.example", None, True),
        ("https://elsewhere.example", None, False),
        ("null", None, False),
        ("http://localhost:1", None, False),
        ("http://[", None, False),
    ],
)
def test_a_browser_is_let_in_from_its_own_page_only(
    origin: str | None, port: int | None, allowed: bool
) -> None:
    async def main() -> None:
        async with serving(origins=["https://friend.example"]) as server:
            headers = {"Origin": origin} if origin else {}
            client = await server.call(additional_headers=headers)
            if allowed:
                await client.start()
            else:
                assert await client.closed() == 4401
                assert "origin" in client.of("error")[0]["message"]

    clock.run(main(), virtual=True)


def test_a_foreign_name_for_this_machine_is_no_loopback() -> None:
    async def main() -> None:
        async with serving() as server:
            host = f"rebound.example:{PORT}"
            client = await server.call(
                additional_headers={"Origin": f"http://{host}"}, uri_host="rebound.example"
            )
            assert await client.closed() == 4401

    clock.run(main(), virtual=True)


def test_a_full_server_says_so() -> None:
    async def main() -> None:
        async with serving(limits=Limits(conversations=2)) as server:
            for _ in range(2):
                await (await server.call()).start()
            third = await server.call()
            await third.send("start")
            assert await third.closed() == 4429
            error = third.of("error")[0]
            assert error["code"] == "too_many"
            assert "2 conversations" in error["message"]
            await server.clients[0].send("end")
            await server.clients[0].closed()
            await (await server.call()).start()

    clock.run(main(), virtual=True)


def test_silence_and_length_have_limits() -> None:
    async def main() -> None:
        limits = Limits(idle_seconds=30.0, session_seconds=100.0)
        async with serving(limits=limits) as server:
            silent = await server.call()
            await silent.start()
            began = clock.now()
            assert await silent.closed(60) == 1000
            assert clock.now() - began == pytest.approx(30, abs=0.5)
            assert silent.of("error")[0]["code"] == "idle"
            assert silent.of("state")[-1]["name"] == "idle"

            talker = await server.call()
            await talker.start()
            began = clock.now()
            while talker.close_code is None:
                with contextlib.suppress(Exception):
                    await talker.send("say", text="Go on.")
                await clock.sleep(1.0)
            assert clock.now() - began == pytest.approx(100, abs=2)
            assert talker.of("error")[0] == {
                "type": "error",
                "code": "session_limit",
                "message": "A conversation may last 2 minutes, and this one has.",
                "fatal": True,
            }

    clock.run(main(), virtual=True)


def test_a_client_that_no_longer_answers_pings_is_taken_for_lost() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            await client.start()
            await clock.sleep(40)
            assert client.close_code is None
            assert len(client.of("ping")) == 2
            client.answers_pings = False
            assert await client.closed(60) == 1011
            assert not server.session().connected

            plain = await server.call()
            plain.answers_pings = False
            await plain.talk(QUIET)
            await clock.sleep(100)
            assert plain.close_code is None

    clock.run(main(), virtual=True)


def test_a_goodbye_hangs_up() -> None:
    async def main() -> None:
        def assemble(request: SessionRequest) -> StreamingConversation:
            return scripted(request, said="Goodbye")

        async with serving(assemble) as server:
            client = await server.call(plays=True)
            await client.start(framing="utterance")
            await client.talk(SOUND)
            assert await client.closed(60) == 1000
            assert client.of("state")[-1]["name"] == "idle"
            assert len(server.app.state.sessions) == 0

    clock.run(main(), virtual=True)


def test_settings_change_from_the_next_turn_on() -> None:
    async def main() -> None:
        def changes(request: SessionRequest) -> dict[str, object]:
            return {name: value for name, value in request.settings.items() if name != "voice"}

        def assemble(request: SessionRequest) -> StreamingConversation:
            settings = changes(request)
            return scripted(SessionRequest(request.id, request.device, settings))

        async with serving(assemble, changes=changes) as server:
            client = await server.call()
            await client.start(voice="calm", barge_in="never")
            session = server.session()
            session.change(voice="brisk", response_mode="buffered")
            (changed,) = session.trace.of(SettingsChanged)
            assert changed.settings["response_mode"] == "buffered"
            assert changed.settings["barge_in"] == "never"
            assert session.settings == {
                "voice": "brisk",
                "barge_in": "never",
                "response_mode": "buffered",
            }

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("settings", [{"tempo": 3}, {"barge_in": "politely"}])
def test_settings_that_cannot_be_are_named(settings: dict[str, object]) -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            await client.send("start", **settings)
            assert await client.closed() == 1008
            error = client.of("error")[0]
            assert error["code"] == "bad_settings"
            assert next(iter(settings)) in error["message"]
            assert len(server.app.state.sessions) == 0

    clock.run(main(), virtual=True)


def test_parts_that_never_come_are_not_waited_for() -> None:
    async def main() -> None:
        async def assemble(request: SessionRequest) -> StreamingConversation:
            await clock.sleep(1000)
            return scripted(request)

        async with serving(assemble) as server:
            client = await server.call()
            await client.send("start")
            assert await client.closed() == 1011
            assert len(server.app.state.sessions) == 0

    clock.run(main(), virtual=True)


def test_two_users_do_not_hear_each_other() -> None:
    async def main() -> None:
        said = iter(["Tell me one", "Tell me two"])
        spoken: dict[str, str] = {}

        def assemble(request: SessionRequest) -> StreamingConversation:
            spoken[request.id] = next(said)
            return scripted(request, said=spoken[request.id])

        async with serving(assemble) as server:
            clients: list[Client] = []
            for _ in range(2):
                client = await server.call(plays=True)
                await client.start(framing="utterance")
                clients.append(client)
            await clients[0].talk(SOUND)
            await clients[0].wait("state", name="speaking")
            await clock.sleep(1)
            assert not clients[1].audio
            assert [m["type"] for m in clients[1].messages] == ["ready", "state"]
            await clients[1].send("interrupt")
            await clients[1].talk(SOUND)
            await clients[1].wait("state", name="speaking")
            await clock.sleep(1)
            assert not clients[0].of("interrupted")
            await clients[0].send("interrupt")
            await clients[0].wait("interrupted")
            assert not clients[1].of("interrupted")
            for client in clients:
                session = server.app.state.sessions.find(client.of("ready")[0]["session"])
                logs = session.conversation.transcript.event_logs
                said_here = [m.text for m in logs if m.sender is Sender.HUMAN]
                assert said_here == [spoken[session.id]]
                assert client.of("transcript", role="user")[0]["text"] == spoken[session.id]

    clock.run(main(), virtual=True)


def test_a_muted_client_is_not_heard() -> None:
    async def main() -> None:
        transcriber = ScriptedTranscriber()

        def assemble(request: SessionRequest) -> StreamingConversation:
            return scripted(request, transcriber=transcriber)

        async with serving(assemble) as server:
            client = await server.call()
            await client.start()
            await client.send("mute", on=True)
            await client.talk(SOUND)
            await client.send("mute", on=False)
            await client.talk(SOUND)
            await clock.sleep(0.1)
            assert bytes(transcriber.received) == QUIET + SOUND

    clock.run(main(), virtual=True)
