"""The seam for speech-to-text, alone on its two queues."""

import asyncio

import pytest

from bench import clock
from bench.engine.microphone import Microphone
from bench.engine.settings import ConversationSettings
from bench.engine.transcriber import AUDIO_QUEUE_SIZE, BaseTranscriber, Transcription
from bench.errors import BrokenStream
from bench.events import AudioDropped, ProviderFailed, WorkerFailed
from bench.trace import Trace

pytestmark = pytest.mark.unit

CHUNK = b"\x01\x02" * 320


class Counting(BaseTranscriber):
    async def process(self, item: bytes) -> None:
        await self.output_queue.put(Transcription(f"{len(item)} {any(item)}"))


def test_a_lone_transcriber_starts_with_its_first_audio_and_ends():
    async def main() -> str:
        transcriber = Counting()
        transcriber.send_audio(CHUNK)
        said = (await transcriber.output_queue.get()).message
        await transcriber.terminate()
        assert not transcriber.active
        assert len(asyncio.all_tasks()) == 1
        return said

    assert clock.run(main(), virtual=True) == "640 True"


def test_muted_it_hears_as_much_silence():
    async def main() -> list[str]:
        transcriber = Counting()
        assert not transcriber.is_muted
        transcriber.mute()
        assert transcriber.is_muted
        transcriber.send_audio(CHUNK)
        transcriber.unmute()
        transcriber.send_audio(CHUNK)
        assert transcriber.create_silent_chunk(5) == bytes(5)
        said = [(await transcriber.output_queue.get()).message for _ in range(2)]
        await transcriber.terminate()
        return said

    assert clock.run(main(), virtual=True) == ["640 False", "640 True"]


def test_a_full_queue_loses_its_oldest_and_what_was_lost_is_told_in_the_end():
    async def main() -> tuple[list[int], int]:
        transcriber = Counting()
        transcriber.trace = Trace()
        for i in range(AUDIO_QUEUE_SIZE + 10):
            transcriber.send_audio(i.to_bytes(2, "little"))
        kept = [transcriber.input_queue.get_nowait() for _ in range(AUDIO_QUEUE_SIZE)]
        await transcriber.terminate()
        numbers = [int.from_bytes(chunk, "little") for chunk in kept]
        return numbers, sum(fact.samples for fact in transcriber.trace.of(AudioDropped))

    numbers, dropped = clock.run(main(), virtual=True)
    assert numbers == list(range(10, AUDIO_QUEUE_SIZE + 10))
    assert dropped == 10


def test_without_a_method_it_says_which_to_write():
    async def main() -> str:
        transcriber = BaseTranscriber()
        transcriber.trace = Trace()
        transcriber.send_audio(CHUNK)
        await clock.sleep(0.1)
        await transcriber.terminate()
        return transcriber.trace.of(WorkerFailed)[0].message

    assert clock.run(main(), virtual=True) == "BaseTranscriber must write _run_loop() or process()"


def test_the_founding_form_of_a_transcription():
    said = Transcription("hello", 0.9, True, False)
    assert (said.message, said.confidence, said.is_final, said.is_interrupt) == (
        "hello",
        0.9,
        True,
        False,
    )
    assert said.words == ()
    assert said.ends_turn is None
    assert Transcription(message="x", confidence=1.0, is_final=False).utterance_id == ""


def test_terminate_while_it_waits_to_open_again():
    class Broken(BaseTranscriber):
        async def _run_loop(self) -> None:
            raise OSError("gone")

    async def main() -> None:
        transcriber = Broken()
        transcriber.start()
        await clock.sleep(1.2)
        await transcriber.terminate()
        assert clock.now() == pytest.approx(1.2, abs=1e-4)
        assert len(asyncio.all_tasks()) == 1

    clock.run(main(), virtual=True)


class Mute(BaseTranscriber):
    """Hears, and now and then shows that it does."""

    provider = "mute"
    owes_answers = True

    def __init__(self, answers_at: float = 0.0) -> None:
        super().__init__()
        self.trace, self.answers_at, self.opened = Trace(), answers_at, list[float]()

    async def _run_loop(self) -> None:
        self.opened.append(clock.now())
        await clock.sleep_until(self.answers_at)
        self.answered()
        await asyncio.Event().wait()


def failed(transcriber: BaseTranscriber, *, voice_at: float, lasts: float = 1.0) -> list[str]:
    """What went wrong in half a minute, with a voice in it."""

    async def main() -> list[str]:
        transcriber.start()
        for step in range(1500):
            await clock.sleep_until(step * 0.02)
            spoken = step * 0.02 - voice_at
            if 0.0 <= spoken <= lasts:
                transcriber.hears_voice(round(spoken * 16_000))
        await transcriber.terminate()
        assert transcriber.trace is not None
        return [fact.kind for fact in transcriber.trace.of(ProviderFailed)]

    return clock.run(main(), virtual=True)


def test_a_voice_that_nothing_answers_is_a_stall():
    ears = Mute()
    assert failed(ears, voice_at=5.0) == ["Stalled"]
    assert ears.opened == pytest.approx([0.0, 5.0 + 0.7 + 8.0])


def test_the_microphone_tells_of_a_voice():
    async def main() -> tuple[list[str], list[float]]:
        ears = Mute()
        microphone = Microphone(
            ears, lambda window: float(any(window)), ConversationSettings(), lambda *_: None
        )
        ears.start()
        for step in range(600):
            await clock.sleep_until(step * 0.02)
            microphone.hear(CHUNK if 50 <= step < 100 else bytes(640))
        await ears.terminate()
        assert ears.trace is not None
        return [fact.kind for fact in ears.trace.of(ProviderFailed)], ears.opened

    kinds, opened = clock.run(main(), virtual=True)
    assert kinds == ["Stalled"]
    assert opened[1] == pytest.approx(1.0 + 0.7 + 8.0, abs=0.06)  # windows of 32 ms


def test_any_answer_will_do_and_a_cough_wants_none():
    assert failed(Mute(answers_at=12.0), voice_at=5.0) == []
    assert failed(Mute(), voice_at=5.0, lasts=0.6) == []


def test_the_second_listener_owes_the_answer_where_it_listens():
    class Broken(BaseTranscriber):
        provider = "broken"

        async def _run_loop(self) -> None:
            raise BrokenStream("broken", "gone")

    ears = Broken()
    ears.trace, ears.backup = Trace(), Mute()
    assert failed(ears, voice_at=5.0)[:2] == ["BrokenStream", "Stalled"]
