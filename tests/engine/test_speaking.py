"""The speaking worker alone: what was heard, and whether it was cut off."""

import asyncio
import threading
from collections.abc import AsyncGenerator

import pytest

from bench import clock
from bench.engine.settings import ConversationSettings
from bench.engine.speaking import SynthesisResultsWorker
from bench.engine.synthesizer import BaseMessage, ChunkResult, SynthesisResult, words_up_to
from bench.engine.transcript import Transcript
from bench.engine.worker import spawn
from bench.events import CutOff, FirstAudible, PlaybackFinished, PlaybackStarted, Word
from bench.simulation import tone
from bench.trace import Trace
from tests.engine.scene import Listener, samples

pytestmark = pytest.mark.unit

TEXT = "One two three four five six."


class Alone:
    """A worker with a loudspeaker and no conversation."""

    def __init__(self, speaker: Listener | None = None) -> None:
        self.speaker = speaker or Listener()
        self.closed = False
        self.worker = SynthesisResultsWorker(
            asyncio.Queue(4), self.speaker, Transcript(), ConversationSettings()
        )
        self.worker.trace = self.trace = Trace()

    def speech(self, quiet: int = 0) -> SynthesisResult:
        pcm, spoken = tone.speak(TEXT, 16_000, 0.25)
        pcm = bytes(2 * quiet) + pcm
        words = [Word(word, start + quiet, end + quiet) for word, start, end in spoken]
        return SynthesisResult(self._chunks(pcm), words_up_to(words, 16_000))

    async def _chunks(self, pcm: bytes) -> AsyncGenerator[ChunkResult, None]:
        try:
            for start in range(0, len(pcm), 640):
                yield ChunkResult(pcm[start : start + 640], start + 640 >= len(pcm))
            await clock.sleep(1e6)  # whoever waits for more waits for ever
        finally:
            self.closed = True

    async def send(self, stop: threading.Event, quiet: int = 0) -> tuple[str, bool]:
        return await self.worker.send_speech_to_output(
            BaseMessage(TEXT), self.speech(quiet), stop, 0.02
        )


@pytest.mark.parametrize("reports", [True, False])
def test_played_to_the_end(reports: bool):
    async def main() -> None:
        alone = Alone(Listener(reports=reports))
        assert await alone.send(threading.Event()) == (TEXT, False)
        assert alone.closed
        assert clock.now() == pytest.approx(1.5, abs=0.061)
        await alone.speaker.terminate()
        assert alone.speaker.heard == alone.speaker.all_sent
        (finished,) = alone.trace.of(PlaybackFinished)
        assert (finished.samples, finished.estimated) == (24_000, not reports)

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("reports", [True, False])
def test_a_stop_event_from_anywhere_cuts_it_off_within_a_chunk(reports: bool):
    async def main() -> None:
        alone = Alone(Listener(reports=reports))
        stop = threading.Event()
        asyncio.get_running_loop().call_later(0.8, stop.set)
        heard, cut_off = await alone.send(stop)
        assert cut_off
        assert heard == "One two three"
        assert alone.speaker.cleared_at is not None
        assert alone.speaker.cleared_at <= 0.8 + 0.021
        assert alone.closed
        (cut,) = alone.trace.of(CutOff)
        assert cut.played + cut.dropped == samples(alone.speaker.all_sent)
        assert not alone.trace.of(PlaybackFinished)

    clock.run(main(), virtual=True)


def test_a_stop_event_that_is_set_before_anything_was_sent():
    async def main() -> None:
        alone, stop = Alone(), threading.Event()
        stop.set()
        assert await alone.send(stop) == ("", True)
        assert alone.speaker.all_sent == b""
        assert not alone.trace.of(CutOff)
        assert alone.worker.transcript.event_logs == []

    clock.run(main(), virtual=True)


def test_the_first_audible_sample_is_told_once_with_the_silence_before_it():
    async def main() -> None:
        alone = Alone()
        await alone.send(threading.Event(), quiet=4000)
        (audible,) = alone.trace.of(FirstAudible)
        assert 4000 <= audible.lead_samples <= 4000 + 320
        assert len(alone.trace.of(PlaybackStarted)) == 1

    clock.run(main(), virtual=True)


def test_holding_and_resuming_when_nothing_plays_is_harmless():
    async def main() -> None:
        alone = Alone()
        assert alone.worker.hold() == 0
        assert alone.worker.resume() == 0
        assert not alone.worker.cut()
        assert alone.worker.words_around() == []
        assert alone.speaker.calls == []
        await alone.worker.settled()
        await alone.worker.terminate()

    clock.run(main(), virtual=True)


def test_the_words_around_the_loudspeaker_follow_it():
    async def main() -> None:
        alone = Alone(Listener(reports=False))
        playing = spawn(alone.send(threading.Event()), name="playing")
        await clock.sleep(0.8)
        around = alone.worker.words_around()
        assert around[:3] == ["one", "two", "three"]
        await playing

    clock.run(main(), virtual=True)
