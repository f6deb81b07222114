"""Audio in, words out: the process that holds pocketsphinx's decoders.

Run as `python -m bench.speech.sphinx_worker` with a socket as standard input; see `frames` for what
is said on it. One process serves several streams, each with a decoder of its own while it is open;
decoders are kept for the next stream of the same vocabulary.
"""

from __future__ import annotations

import math
import socket
import struct
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder

from bench.speech.frames import Frame, Kind, receive, send

_STREAM = struct.Struct("<I")
_FRAME_SAMPLES = 160  # of the decoder's frames: 10 ms at 16 kHz
_KEPT_DECODERS = 6  # idle, of all vocabularies together: 7 MB each, 90 MB for open speech
_LONGEST_TWICE = 8 * 32_000  # bytes: 8 s; the second pass takes about 50 ms a second
_LOUDEST = 1500.0  # RMS of 20 ms; in louder speech the first words are misheard
# Digital silence has no spectrum, and words next to it are misheard: -70 dBFS of noise mend that.
_FLOOR = np.random.default_rng(0).normal(0.0, 10.0, 16_000)
LM_WEIGHT = 8.0  # of the language model against the sound; the engine's own default is 6.5
OPEN_SPEECH = "*"  # the name that stands for no vocabulary
_FILLERS = "<[+("  # what begins the name of a sound that is no word


def word_decoder(language_model: str, dictionary: str) -> Decoder:
    """A decoder of a small vocabulary: its own model and nothing but its own dictionary."""
    with tempfile.TemporaryDirectory() as folder:
        model, words = Path(folder, "words.lm"), Path(folder, "words.dict")
        model.write_text(language_model)
        words.write_text(dictionary)
        decoder = Decoder(lm=None, dict=str(words), lw=LM_WEIGHT, fwdflat=False, loglevel="FATAL")
        decoder.add_lm_file("words", str(model))
    decoder.activate_search("words")
    return decoder


def open_decoder() -> Decoder:
    """The full US English model."""
    return Decoder(fwdflat=False, loglevel="FATAL")


class Stream:
    """One utterance. With `twice` it is decoded again at its end, with its level and mean known.

    `acoustics` is what was learned of the speaker: a gain and the decoder's cepstral mean; "" where
    nothing is known yet.
    """

    def __init__(self, decoder: Decoder, *, acoustics: str = "", twice: bool = False) -> None:
        self.decoder = decoder
        self._position = 0
        self._whole: bytearray | None = bytearray() if twice else None
        self._gain = 1.0
        if acoustics:
            gain, _, mean = acoustics.partition(" ")
            self._gain = float(gain)
            decoder.set_cmn(mean)
        decoder.start_utt()

    def feed(self, pcm: bytes) -> dict[str, Any]:
        """Decode some more; what is understood so far."""
        samples = np.frombuffer(pcm[: len(pcm) & ~1], "<i2")
        if self._whole is not None:
            self._whole += pcm
            if len(self._whole) > _LONGEST_TWICE:
                self._whole = None
        self._gain = min(self._gain, _gain_for(samples))
        self.decoder.process_raw(self._levelled(samples), False, False)
        return {"text": self._text()}

    def finish(self) -> dict[str, Any]:
        """Decode to the end; text, words with samples and confidences, and how sure in all."""
        self.decoder.end_utt()
        if self._whole:
            samples = np.frombuffer(self._whole, "<i2", len(self._whole) // 2)
            self._gain, self._position = _gain_for(samples), 0
            _forget_noise(self.decoder)
            self.decoder.start_utt()
            self.decoder.process_raw(self._levelled(samples), False, True)
            self.decoder.end_utt()
        words = self._words()
        logs = [math.log(min(1.0, max(sure, 1e-6))) for *_, sure in words]
        return {
            "text": self._text(),
            "words": words,
            "confidence": math.exp(sum(logs) / len(logs)) if logs else 0.0,
            "acoustics": f"{self._gain:.4f} {self.decoder.get_cmn(False)}",
        }

    def _levelled(self, samples: NDArray[np.int16]) -> bytes:
        """The audio, never too loud, over a breath of noise that is the same in every utterance."""
        floor = _FLOOR.take(range(self._position, self._position + len(samples)), mode="wrap")
        self._position += len(samples)
        return np.clip(samples * self._gain + floor, -32768, 32767).astype("<i2").tobytes()

    def abandon(self) -> None:
        """Leave the decoder ready for another utterance."""
        self.decoder.end_utt()

    def _text(self) -> str:
        hypothesis = self.decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def _words(self) -> list[tuple[str, int, int, float]]:
        if not self.decoder.hyp():
            return []
        return [
            (
                part.word.partition("(")[0],
                part.start_frame * _FRAME_SAMPLES,
                (part.end_frame + 1) * _FRAME_SAMPLES,
                min(1.0, part.prob),  # a probability already, rounded upward now and then
            )
            for part in self.decoder.seg()
            if part.word[0] not in _FILLERS
        ]


def _forget_noise(decoder: Decoder) -> None:
    with warnings.catch_warnings():
        # "Deprecated and unnecessary", yet nothing else clears the estimate of the noise.
        warnings.simplefilter("ignore", DeprecationWarning)
        decoder.start_stream()


def _gain_for(samples: NDArray[np.int16]) -> float:
    """What brings the loudest 20 ms down to what the decoder starts from; quiet audio stays."""
    frames = samples[: len(samples) // 320 * 320].reshape(-1, 320).astype(np.float64)
    loudest = float(np.sqrt(np.square(frames).mean(axis=1)).max(initial=1.0))
    return min(1.0, _LOUDEST / loudest)


class Decoders:
    """Vocabularies by name, and decoders that wait for a stream."""

    def __init__(self) -> None:
        self._vocabularies: dict[str, tuple[str, str]] = {}
        self._idle: list[tuple[str, Decoder]] = []  # the longest unused first
        self._untouched: str | None = None

    def learn(self, name: str, language_model: str, dictionary: str) -> None:
        """Remember a vocabulary under a name, and have a decoder of it ready."""
        if name not in self._vocabularies:
            self._vocabularies[name] = (language_model, dictionary)
            self.give_back(name, word_decoder(language_model, dictionary))

    def take(self, name: str) -> Decoder:
        """A decoder of a vocabulary, or of "*" for all English, that has heard nobody yet."""
        decoder = self._kept(name) or self._made(name)
        # What a decoder learned of one speaker's loudness, channel and noise is not the next one's.
        if self._untouched is None:
            self._untouched = decoder.get_cmn(False)
        decoder.set_cmn(self._untouched)
        _forget_noise(decoder)
        return decoder

    def give_back(self, name: str, decoder: Decoder) -> None:
        """Keep a decoder for the next stream."""
        self._idle.append((name, decoder))
        del self._idle[:-_KEPT_DECODERS]

    def _kept(self, name: str) -> Decoder | None:
        for index, (kept, decoder) in enumerate(self._idle):
            if kept == name:
                del self._idle[index]
                return decoder
        return None

    def _made(self, name: str) -> Decoder:
        if name == OPEN_SPEECH:
            return open_decoder()
        if name not in self._vocabularies:
            raise ValueError(f"no vocabulary {name!r}; it has to be learned first")
        return word_decoder(*self._vocabularies[name])


class Service:
    """Answers frames; every frame but a CLOSE has one answer."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._decoders = Decoders()
        self._streams: dict[int, tuple[str, Stream]] = {}

    def serve(self) -> None:
        """Until the owner hangs up."""
        while True:
            frame = receive(self._channel)
            try:
                answer = self._answer(frame)
            except (ValueError, RuntimeError) as error:
                send(self._channel, Kind.REFUSED, {"message": str(error)})
            else:
                if answer is not None:
                    send(self._channel, Kind.DONE, answer)

    def _answer(self, frame: Frame) -> dict[str, Any] | None:
        match frame.kind:
            case Kind.LEARN:
                asked = frame.json()
                if asked["vocabulary"] == OPEN_SPEECH:
                    self._decoders.give_back(OPEN_SPEECH, self._decoders.take(OPEN_SPEECH))
                else:
                    self._decoders.learn(asked["vocabulary"], asked["lm"], asked["dictionary"])
                return {}
            case Kind.OPEN:
                asked = frame.json()
                self._open(asked["stream"], asked["vocabulary"], asked["acoustics"])
                return {}
            case Kind.FEED:
                return self._stream(frame)[1].feed(frame.payload[_STREAM.size :])
            case Kind.FINISH:
                result = self._stream(frame)[1].finish()
                self._forget(_STREAM.unpack_from(frame.payload)[0])
                return result
            case Kind.CLOSE:
                number = _STREAM.unpack_from(frame.payload)[0]
                if number in self._streams:
                    self._streams[number][1].abandon()
                    self._forget(number)
                return None
            case _:
                raise ValueError(f"a frame of kind {frame.kind}")

    def _open(self, number: int, vocabulary: str, acoustics: str) -> None:
        decoder = self._decoders.take(vocabulary)
        # The full model is too slow for a second pass.
        stream = Stream(decoder, acoustics=acoustics, twice=vocabulary != OPEN_SPEECH)
        self._streams[number] = (vocabulary, stream)

    def _stream(self, frame: Frame) -> tuple[str, Stream]:
        number = _STREAM.unpack_from(frame.payload)[0]
        if number not in self._streams:
            raise ValueError(f"no stream {number}")
        return self._streams[number]

    def _forget(self, number: int) -> None:
        vocabulary, stream = self._streams.pop(number)
        self._decoders.give_back(vocabulary, stream.decoder)


def main() -> None:
    """Serve requests until the owner hangs up."""
    channel = socket.socket(fileno=0)
    try:
        send(channel, Kind.READY, {})
        Service(channel).serve()
    except (EOFError, OSError):
        return


if __name__ == "__main__":
    main()
