"""The seam for speech-to-text, alone on its two queues."""

import asyncio

import pytest

from bench import clock
from bench.engine.transcriber import AUDIO_QUEUE_SIZE, BaseTranscriber, Transcription
from bench.events import AudioDropped, WorkerFailed
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
