"""Cassettes: a session of real SDKs is recorded, and its providers do it again, to the byte."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bench import clock
from bench.engine.conversation import StreamingConversation
from bench.engine.synthesizer import BaseMessage, SynthesisResult
from bench.providers.cassette import FALLBACK, Answered, Cassette, Heard, Spoke
from bench.providers.estimated_words import GrowingSpeech
from bench.providers.handler import VoiceHandler
from bench.providers.pieces import pieces
from bench.providers.recording import record
from bench.simulation import tone
from bench.simulation.faults import Fault
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from tests.contracts.taped import ANOTHER, HOURS, LINES, again, original
from tests.engine.scene import Listener

pytestmark = pytest.mark.contract

SUNDAYS = ((1.0, "When do you close?"), LINES[1])
FAULTS = {
    "stt breaks off": Fault("stt", "disconnect", after_partial=2),
    "stt refuses": Fault("stt", "http_503"),
    "stt is quiet": Fault("stt", "stall", after_partial=3, for_seconds=60.0),
    "llm refuses": Fault("llm", "http_429", turn=1, retry_after_seconds=3.0),
    "llm breaks off": Fault("llm", "disconnect", turn=2, after_tokens=3),
    "llm is quiet": Fault("llm", "stall", turn=2, for_seconds=60.0),
    "tts refuses": Fault("tts", "http_503", turn=1, every=True),
    "tts breaks off": Fault("tts", "disconnect", turn=2, after_audio_seconds=0.5),
    "tts is not reached": Fault("tts", "connect_timeout", turn=2, every=True),
}


TAKEN_OVER = ("stt is quiet", "llm refuses", "llm is quiet", "tts refuses", "tts breaks off")
CASES = [("", False), *((name, False) for name in FAULTS), *((name, True) for name in TAKEN_OVER)]


@pytest.mark.parametrize(("fault", "backed"), CASES)
def test_what_was_recorded_comes_again_to_the_byte(tmp_path: Path, fault: str, *, backed: bool):
    options = {"backed": backed, "first_result_seconds": 3.0}
    then = original(tmp_path / "call", *([FAULTS[fault]] if fault else []), **options)
    now = again(tmp_path / "call", **options)
    assert bool(then.failed) == bool(fault)
    assert then.cut_off or fault
    assert bool(then.took_over) == backed
    assert now.lines == then.lines


def test_a_backup_is_on_it_beside_the_first(tmp_path: Path):
    down = Fault("stt", "http_503", every=True)
    then = original(tmp_path, down, FAULTS["tts breaks off"], backed=True)
    assert then.took_over == ["assemblyai", "polly"]
    cassette = Cassette.read(tmp_path)
    assert [part.provider for part in cassette.parts.values()] == [
        "deepgram",
        "assemblyai",
        "openai",
        "anthropic",
        "elevenlabs",
        "polly",
    ]
    assert {heard.by for heard in cassette.of(Heard)} == {"transcriber", "transcriber_fallback"}
    assert cassette.of(Spoke, f"synthesizer{FALLBACK}")
    assert not cassette.of(Answered, f"agent{FALLBACK}")


def test_a_backup_that_is_not_on_it_hears_what_was_not_understood(tmp_path: Path):
    original(tmp_path, Fault("stt", "disconnect", after_partial=2, every=True))
    ears = ScriptedTranscriber("When are you open?")
    now = again(tmp_path, ears=ears)
    assert now.took_over[0] == "scripted"
    assert any(ears.received)


@pytest.mark.parametrize("fault", [None, "tts breaks off"])
@pytest.mark.parametrize("backed", [False, True], ids=["alone", "with backups"])
def test_a_text_that_is_said_while_it_is_written(
    tmp_path: Path, fault: str | None, *, backed: bool
):
    faults = [FAULTS[fault]] if fault else []
    tokens = {"response_mode": "tokens", "backed": backed}
    then = original(tmp_path, *faults, transport="socket", **tokens)
    first, *_ = streamed = [s for s in Cassette.read(tmp_path).of(Spoke) if s.pieces is not None]
    assert len(streamed) >= 3
    assert first.pieces is not None
    assert "".join(text for _, text in first.pieces) == first.text
    assert any(len(spoke.pieces or ()) > 5 for spoke in streamed)
    assert again(tmp_path, **tokens).lines == then.lines


def test_a_voice_that_the_call_was_changed_to(tmp_path: Path):
    then = original(tmp_path, change=True)
    cassette = Cassette.read(tmp_path)
    assert cassette.parts["synthesizer_2"].voice == ANOTHER
    (second,) = [spoke.text for spoke in cassette.of(Spoke, "synthesizer_2")][-1:]
    assert second.endswith("See you then.")
    assert again(tmp_path, change=True).lines == then.lines


def test_every_frame_is_on_it(tmp_path: Path):
    original(tmp_path)
    cassette = Cassette.read(tmp_path)
    said = [heard.said["message"] for heard in cassette.of(Heard) if heard.said]
    assert said[:2] == ["When", "When are"]
    assert [one.human_input for one in cassette.of(Answered)] == [line for _, line in LINES]
    assert sum(one.bytes for one in cassette.of(Spoke)) == len(cassette.speech)
    ats = [event.at for event in cassette.events]
    assert ats == sorted(ats)


def test_another_microphone_is_told_as_such(tmp_path: Path):
    original(tmp_path / "tape")
    told = again(tmp_path / "tape", (LINES[0], (6.0, "Please book a table for three.")))
    assert told.failed[0] == "deepgram Rejected"
    assert told.why[0] == (
        "the first 7.48 s of the microphone are not those of tape: "
        "record it anew with `talkbench record`"
    )


def test_another_history_is_told_as_such(tmp_path: Path):
    original(tmp_path / "tape")
    told = again(tmp_path / "tape", greeting="Good morning.")
    assert told.failed[:3:2] == ["elevenlabs Rejected", "openai Rejected"]
    assert told.why[0].startswith("'Good morning.' was not said in tape: record it anew")
    assert told.why[2].startswith("'When are you open?' was asked after another history in tape")


def test_another_way_to_speak_is_told_as_such(tmp_path: Path):
    original(tmp_path / "tape")
    told = again(tmp_path / "tape", chunk_seconds=0.04)
    assert "elevenlabs Rejected" in told.failed
    wanted = (
        "tape has 16000 Hz in chunks of 640 bytes, and this is to be 16000 Hz in chunks of 1280"
    )
    assert told.why[0].startswith(wanted)


@pytest.mark.parametrize("mode", ["streaming", "tokens"])
def test_what_was_heard_of_a_voice_that_only_estimates(tmp_path: Path, mode: str):
    async def call(recorded: str = "") -> list[str]:
        user, voice = ScriptedTranscriber(), Estimating()
        if recorded:
            voice = VoiceHandler({}).create_synthesizer({"tts": recorded})
        talk = StreamingConversation(
            output_device=Listener(),
            transcriber=user,
            agent=ScriptedAgent([HOURS], word_seconds=0.05),
            synthesizer=voice,
            conversation_id="call",
            response_mode=mode,
        )
        tape = Cassette()
        record(tape, talk)
        await talk.start()
        for at in (1.0, 3.3, 6.2, 8.45):
            await clock.sleep_until(at)
            talk.broadcast_interrupt()
            user.hear("When are you open?")
        await clock.sleep(0.5)
        await talk.terminate()
        if not recorded:
            tape.write(tmp_path)
        return list(talk.trace.lines())

    then = clock.run(call(), virtual=True)
    assert sum('"estimated":true' in line and "CutOff" in line for line in then) >= 2
    assert clock.run(call(f"recorded:{tmp_path}"), virtual=True) == then


class Estimating(ToneSynthesizer):
    """Speaks in tones as it is given text, and knows no word times."""

    streams_text = True

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        async def texts() -> AsyncGenerator[str, None]:
            yield message.text

        return await self.create_streamed_speech(texts(), chunk_size)

    async def create_streamed_speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int
    ) -> SynthesisResult:
        speech = GrowingSpeech("", self.sampling_rate)

        async def audio() -> AsyncGenerator[bytes, None]:
            async with contextlib.aclosing(texts):
                async for text in texts:
                    speech.text += text
                    await clock.sleep(0.01)
                    pcm, _ = tone.speak(text, self.sampling_rate)
                    speech.received += len(pcm)
                    yield pcm
            speech.is_whole = True

        rate = self.sampling_rate
        chunks = pieces(audio(), rate, rate, chunk_size)
        return SynthesisResult(chunks, speech.heard(), estimated=True)
