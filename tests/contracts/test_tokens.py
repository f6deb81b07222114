"""An answer that is spoken while it is written: ElevenLabs' socket in whole conversations."""

from typing import Any

import pytest

from bench import clock
from bench.emulators.elevenlabs import ElevenLabsEmulator
from bench.emulators.elevenlabs_socket import KEY, ElevenLabsSocketEmulator
from bench.events import CutOff, FellBack, FirstAudio, ProviderFailed, SynthesisRequested
from bench.metrics.cost import use
from bench.providers.elevenlabs import ElevenLabsSynthesizer
from bench.providers.elevenlabs_socket import ElevenLabsSocketSynthesizer
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
from tests.contracts.dictated import ANSWER, FIRST_SECONDS, WORD_SECONDS, said
from tests.contracts.ends import nothing_left

pytestmark = pytest.mark.contract

CONFIG: dict[str, Any] = {"keys": {"ELEVENLABS_API_KEY": Secret(KEY)}}


def socket_voice(url: str) -> ElevenLabsSocketSynthesizer:
    return ElevenLabsSocketSynthesizer({"elevenlabs_url": url, **CONFIG})


def one(mode: str, heard_seconds: float | None = None, **emulator: Any) -> Any:
    async def main() -> Any:
        async with nothing_left(), ElevenLabsSocketEmulator(**emulator).serving() as server:
            talk, speaker = await said(socket_voice(server.url), mode, heard_seconds)
            return talk, speaker, server

    return clock.run(main(), virtual=True)


def test_the_first_audio_comes_while_the_first_sentence_is_written():
    """The voice waits for 50 characters, a dozen words of the twenty of the first sentence."""
    first = dict[str, float]()
    for mode in ("streaming", "tokens", "buffered"):
        talk, _, _ = one(mode)
        assert talk.transcript.event_logs[-1].text == ANSWER
        (first[mode],) = talk.trace.at(FirstAudio)
    words = ANSWER.split()
    sentence = words.index("Sunday.") + 1
    assert first["streaming"] == pytest.approx(sentence * WORD_SECONDS + FIRST_SECONDS, abs=1e-3)
    assert first["buffered"] == pytest.approx(
        (len(words) - 1) * WORD_SECONDS + FIRST_SECONDS, abs=1e-3
    )
    enough = next(n for n in range(len(words)) if len(" ".join(words[:n])) >= 50)
    assert first["tokens"] == pytest.approx(enough * WORD_SECONDS + FIRST_SECONDS, abs=1e-3)
    assert first["streaming"] - first["tokens"] > 0.6


def test_one_context_is_given_the_text_as_it_is_written():
    talk, speaker, server = one("tokens")
    (request,) = server.requests
    assert request["text"].strip() == ANSWER
    assert speaker.heard == tone.speak(ANSWER)[0]
    assert len(talk.trace.of(SynthesisRequested)) == 1
    assert use(talk.trace).characters == len(ANSWER)
    assert server.gone == []


@pytest.mark.parametrize("heard_seconds", [0.4, 0.7, 1.1, 2.0])
def test_a_cut_in_is_exact_to_the_word_and_reaches_the_service(heard_seconds: float):
    talk, speaker, server = one("tokens", heard_seconds)
    (cut,) = talk.trace.of(CutOff)
    _, words = tone.speak(ANSWER)
    sounded = len(speaker.sounded[1]) // 2
    whole = " ".join(word for word, _, end in words if end <= sounded)
    assert cut.heard == talk.transcript.event_logs[-1].text == whole
    assert not cut.estimated
    at = talk.trace.at(CutOff)[0]
    assert len(server.gone) == 1
    assert server.gone[0] <= at


@pytest.mark.parametrize("kind", ["disconnect", "malformed", "stall"])
@pytest.mark.parametrize("seconds", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("over", ["socket", "http"])
def test_a_second_voice_says_the_rest(kind: str, seconds: float, over: str):
    fault = Fault("tts", kind, after_audio_seconds=seconds, for_seconds=60.0)

    async def main() -> None:
        second = ElevenLabsSocketEmulator() if over == "socket" else ElevenLabsEmulator()
        async with (
            nothing_left(),
            ElevenLabsSocketEmulator(faults=[fault]).serving() as server,
            second.serving() as backup,
        ):
            voice = socket_voice(server.url)
            at = {"elevenlabs_url": backup.url, **CONFIG}
            made = socket_voice(backup.url) if over == "socket" else ElevenLabsSynthesizer(at)
            voice.backup = made
            talk, _ = await said(voice, "tokens")
            assert [message.text for message in talk.transcript.event_logs][1:] == [ANSWER]
            assert len(talk.trace.of(FellBack)) == len(talk.trace.of(ProviderFailed)) == 1
            rest = " ".join(request["text"].strip() for request in backup.requests)
            assert ANSWER.endswith(rest)
            assert 0 < len(rest) < len(ANSWER)

    clock.run(main(), virtual=True)
