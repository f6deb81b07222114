"""A client in, a conversation out: the socket from end to end, in virtual time."""

import pytest

from bench import clock
from bench.engine.sentences import Sentences
from bench.events import CutOff, PlaybackFinished, Underrun
from bench.simulation import tone
from bench.testing import STORY
from tests.app.far_end import SOUND, serving

pytestmark = pytest.mark.unit

_sentences = Sentences()
STORY_SAMPLES = sum(
    len(tone.speak(sentence, 16_000, None)[0]) // 2
    for sentence in [*_sentences.feed(STORY), _sentences.flush()]
    if sentence
)


def test_a_plain_client_sends_sound_and_gets_sound() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            await client.talk(SOUND)
            await client.until(lambda: len(client.audio) > 20, "audio")
            assert {len(frame) for frame in client.audio} == {640}
            assert [m["type"] for m in client.messages][:2] == ["ready", "state"]
            assert client.of("transcript", role="user")[0]["text"] == "Tell me a long story"
            assert client.of("transcript", role="agent")[0]["text"] == STORY.split(". ")[0] + "."
            assert not client.of("utterance")

    clock.run(main(), virtual=True)


def test_a_page_plays_and_reports_and_the_ledger_believes_it() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("utterance", state="start")
            await client.wait("utterance", state="end")
            await clock.sleep(1)
            assert [m["name"] for m in client.of("state")] == [
                *("listening", "thinking", "speaking", "listening")
            ]
            trace = server.session().trace
            (finished,) = trace.of(PlaybackFinished)
            assert not finished.estimated
            assert finished.samples * 2 == len(client.speaker.heard)
            assert client.of("utterance", state="end")[0]["samples"] == finished.samples

    clock.run(main(), virtual=True)


def test_an_interrupt_clears_and_the_history_keeps_what_was_played() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("state", name="speaking")
            await clock.sleep(1.5)
            await client.send("interrupt")
            await client.wait("interrupted")
            (cut,) = server.session().trace.of(CutOff)
            assert cut.played * 2 == len(client.speaker.heard)
            told = client.of("interrupted")[0]
            assert told["heard"] == cut.heard
            assert STORY.startswith(cut.heard)
            assert not told["estimated"]
            before = len(client.audio)
            await clock.sleep(2)
            assert len(client.audio) == before
            assert server.session().conversation.transcript.event_logs[-1].text == cut.heard

    clock.run(main(), virtual=True)


def test_a_hold_pauses_the_client_and_nothing_is_lost_or_repeated() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("state", name="speaking")
            await clock.sleep(1)
            conversation = server.session().conversation
            conversation.hold("a cough")
            await client.wait("hold")
            await client.wait("state", name="held")
            await clock.sleep(0.02)
            heard = len(client.speaker.heard)
            await clock.sleep(2)
            assert len(client.speaker.heard) == heard
            conversation.resume("it was nothing")
            await client.wait("resume")
            await client.wait("utterance", state="end")
            await clock.sleep(1)
            assert client.of("utterance", state="end")[0]["samples"] == STORY_SAMPLES
            assert len(client.speaker.heard) == 2 * STORY_SAMPLES
            (metrics,) = client.of("metrics")
            assert metrics["turn"] == 1
            assert metrics["heard"] == metrics["intended"] == STORY
            stages = ("request", "first_token", "sentence", "synthesis", "playout")
            total = sum(metrics[f"{stage}_seconds"] for stage in stages)
            assert total == pytest.approx(metrics["response_seconds"], abs=2e-6)

    clock.run(main(), virtual=True)


def test_underruns_are_facts_but_not_more_than_there_can_be() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("utterance", state="start")
            await clock.sleep(1)
            for at_sample in (1600, 1600, 1700, 2399, 2400, 10**9):
                await client.send("underrun", utterance=1, at_sample=at_sample)
            await clock.sleep(0.1)
            underruns = server.session().trace.of(Underrun)
            assert [fact.at_sample for fact in underruns] == [1600, 2400]

    clock.run(main(), virtual=True)


def test_a_preview_is_spoken_and_too_many_are_refused_in_words() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            await client.start(framing="utterance")
            await client.send("say", text="This is my voice.")
            await client.wait("utterance", state="end")
            assert client.of("transcript")[0]["text"] == "This is my voice."
            for _ in range(12):
                await client.send("say", text="Again.")
            error = await client.wait("error")
            assert (error["code"], error["fatal"]) == ("too_fast", False)
            await clock.sleep(60)
            assert len(client.of("utterance", state="end")) < 13
            assert client.close_code is None

    clock.run(main(), virtual=True)


def test_a_rate_of_the_clients_choice() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            ready = await client.start(sample_rate=24_000, greeting="Hello there.")
            assert ready["sample_rate"] == 24_000
            await clock.sleep(0.5)
            assert {len(frame) for frame in client.audio} == {960}

    clock.run(main(), virtual=True)
