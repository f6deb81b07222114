"""Two voices in, one recording out: what sounded, when it sounded."""

import csv
import io
import wave

import pytest

from bench import clock
from bench.app.recording import Recording
from bench.audio import resample, to_pcm, to_samples
from bench.engine.output import PlayoutLedger
from bench.events import CutOff
from bench.simulation import tone
from bench.testing import STORY
from bench.trace import Trace
from tests.app.far_end import QUIET, SOUND, serving

pytestmark = pytest.mark.unit

RATE = 16_000


def tracks(wav: bytes) -> tuple[bytes, bytes]:
    """The user's and the bot's side of a recording."""
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        samples = to_samples(file.readframes(file.getnframes()))
    return to_pcm(samples[0::2]), to_pcm(samples[1::2])


def at(seconds: float, rate: int = RATE) -> int:
    return 2 * round(seconds * rate)


def test_pieces_lie_where_they_sounded_and_jitter_leaves_no_gaps() -> None:
    async def main() -> None:
        ledger = PlayoutLedger(RATE)
        recording = Recording(RATE, 60.0)
        voice = tone.speak("One two three four five six", RATE)[0]
        utterance = ledger.open()
        utterance.reported = 0
        await clock.sleep(1.0)
        utterance.add(len(voice) // 2)
        recording.sent(utterance, voice)
        for played in (1600, 3200, 4800):  # reports 0.1 s apart, give or take
            await clock.sleep(0.1 + (0.03 if played == 3200 else -0.01))
            ledger.report_played(utterance.id, played)
            recording.played()
        await clock.sleep(2.0)  # a pause
        recording.heard(SOUND)
        ledger.report_played(utterance.id, 6400)
        recording.played()
        user, bot = tracks(recording.wav())
        assert recording.seconds == pytest.approx(3.31, abs=0.001)
        begins = at(0.99)
        assert bot[:begins].strip(b"\0") == b""
        assert bot[begins : begins + 2 * 4800] == voice[: 2 * 4800]
        resumed = at(3.31 - 0.1)
        assert bot[begins + 2 * 4800 : resumed].strip(b"\0") == b""
        assert bot[resumed:] == voice[2 * 4800 : 2 * 6400]
        assert user[: at(3.29)].strip(b"\0") == b""
        assert user[at(3.29) :] == SOUND
        recording.close()
        recording.heard(SOUND)
        recording.played()

    clock.run(main(), virtual=True)


def test_odd_bytes_stay_in_step_and_the_length_is_bounded() -> None:
    async def main() -> None:
        recording = Recording(RATE, 1.0)
        for i in range(3000):
            recording.heard(b"\x01\x02"[i % 2 : i % 2 + 1])
        recording.heard(SOUND * 100)
        user, bot = tracks(recording.wav())
        assert user[:3000] == b"\x01\x02" * 1500
        assert len(user) == len(bot) == 2 * RATE
        recording.close()

    clock.run(main(), virtual=True)


def test_another_rate_is_brought_to_that_of_the_microphone() -> None:
    async def main() -> None:
        ledger = PlayoutLedger(48_000)
        recording = Recording(48_000, 60.0)
        voice = tone.speak("One two three", 48_000)[0]
        utterance = ledger.open()
        await clock.sleep(0.5)
        utterance.add(len(voice) // 2)
        recording.sent(utterance, voice)
        await clock.sleep(len(voice) / 96_000)
        recording.played()
        _, bot = tracks(recording.wav())
        expected = resample(bytes(48_000) + voice, 48_000, RATE)
        assert abs(len(bot) - len(expected)) <= 4
        assert max(abs(a - b) for a, b in zip(to_samples(bot), to_samples(expected))) < 600  # noqa: B905
        recording.close()

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("framing", ["plain", "utterance"])
def test_a_call_with_a_pause_and_a_cut_is_recorded_as_it_sounded(framing: str) -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=framing == "utterance")
            await client.start(framing=framing)
            session = server.session()
            await clock.sleep(1.0)
            await client.talk(SOUND, *[QUIET] * 50)
            session.conversation.hold("a cough")
            held_at = session.recording.seconds
            await client.talk(*[QUIET] * 100)
            session.conversation.resume("it was nothing")
            await client.talk(*[QUIET] * 50)
            await client.send("interrupt")
            await client.wait("interrupted")
            (cut,) = session.trace.of(CutOff)
            user, bot = tracks(session.recording.wav())
            begins = user.index(SOUND)  # a frame came when its last sample had been spoken
            assert begins == pytest.approx(at(0.98), abs=at(0.001))
            assert user.strip(b"\0") == SOUND.strip(b"\0")
            voice = tone.speak(STORY.split(". ")[0] + ".", RATE, None)[0][: 2 * cut.played]
            sounded = bot.strip(b"\0")
            assert len(sounded) <= len(voice) + at(2.1)
            first = bot.index(voice[200:1000]) - 200
            assert first / (2 * RATE) == pytest.approx(
                1.0 if framing == "utterance" else 1.1, abs=0.15
            )
            pause = at(held_at + 0.2), at(held_at + 1.8)
            assert bot[pause[0] : pause[1]].strip(b"\0") == b""
            # Every sample that was played, once and in its order; the rest is silence.
            assert [x for x in to_samples(bot) if x] == [x for x in to_samples(voice) if x]

            rows = list(csv.DictReader(io.StringIO(session.turns_csv())))
            assert [row["heard"] for row in rows] == [cut.heard]
            assert rows[0]["cut_off"] == "True"
            read = Trace.read(session.trace_jsonl().splitlines())
            assert read.of(CutOff) == [cut]

    clock.run(main(), virtual=True)


def test_an_ended_session_can_be_exported_for_a_while() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            ready = await client.start(framing="utterance")
            await client.talk(SOUND, *[QUIET] * 50)
            await client.send("end")
            assert await client.closed() == 1000
            sessions = server.app.state.sessions
            session = sessions.find(ready["session"])
            assert len(session.recording.wav()) > at(1.0)
            await clock.sleep(599)
            assert sessions.find(ready["session"]) is session
            await clock.sleep(2)
            assert sessions.find(ready["session"]) is None

    clock.run(main(), virtual=True)
