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
from collections import defaultdict
from pathlib import Path
from typing import Any

from pocketsphinx import Decoder

from bench.speech.frames import Frame, Kind, receive, send

_STREAM = struct.Struct("<I")
_FRAME_SAMPLES = 160  # of the decoder's frames: 10 ms at 16 kHz
_KEPT_DECODERS = 4  # of one vocabulary, idle
_FILLERS = "<[+("  # what begins the name of a sound that is no word


def word_decoder(language_model: str, dictionary: str) -> Decoder:
    """A decoder of a small vocabulary: its own model and nothing but its own dictionary."""
    with tempfile.TemporaryDirectory() as folder:
        model, words = Path(folder, "words.lm"), Path(folder, "words.dict")
        model.write_text(language_model)
        words.write_text(dictionary)
        decoder = Decoder(lm=None, dict=str(words), fwdflat=False, loglevel="FATAL")
        decoder.add_lm_file("words", str(model))
    decoder.activate_search("words")
    return decoder


def open_decoder() -> Decoder:
    """The full US English model."""
    return Decoder(fwdflat=False, loglevel="FATAL")


class Stream:
    """One utterance."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        decoder.start_utt()

    def feed(self, pcm: bytes) -> dict[str, Any]:
        """Decode some more; what is understood so far."""
        self.decoder.process_raw(pcm, False, False)
        return {"text": self._text()}

    def finish(self) -> dict[str, Any]:
        """Decode to the end; text, words with samples and confidences, and how sure in all."""
        self.decoder.end_utt()
        words = self._words()
        logs = [math.log(min(1.0, max(sure, 1e-6))) for *_, sure in words]
        return {
            "text": self._text(),
            "words": words,
            "confidence": math.exp(sum(logs) / len(logs)) if logs else 0.0,
        }

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


class Decoders:
    """Vocabularies by name, and decoders that wait for a stream."""

    def __init__(self) -> None:
        self._vocabularies: dict[str, tuple[str, str]] = {}
        self._idle: defaultdict[str, list[Decoder]] = defaultdict(list)

    def learn(self, name: str, language_model: str, dictionary: str) -> None:
        """Remember a vocabulary under a name, and have a decoder of it ready."""
        if name not in self._vocabularies:
            self._vocabularies[name] = (language_model, dictionary)
            self.give_back(name, word_decoder(language_model, dictionary))

    def take(self, name: str) -> Decoder:
        """A decoder of a vocabulary, or of "*" for all English."""
        if self._idle[name]:
            return self._idle[name].pop()
        if name == "*":
            return open_decoder()
        if name not in self._vocabularies:
            raise ValueError(f"no vocabulary {name!r}; it has to be learned first")
        return word_decoder(*self._vocabularies[name])

    def give_back(self, name: str, decoder: Decoder) -> None:
        """Keep a decoder for the next stream."""
        if len(self._idle[name]) < _KEPT_DECODERS:
            self._idle[name].append(decoder)


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
                if asked["vocabulary"] == "*":
                    self._decoders.give_back("*", self._decoders.take("*"))
                else:
                    self._decoders.learn(asked["vocabulary"], asked["lm"], asked["dictionary"])
                return {}
            case Kind.OPEN:
                asked = frame.json()
                self._open(asked["stream"], asked["vocabulary"])
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

    def _open(self, number: int, vocabulary: str) -> None:
        self._streams[number] = (vocabulary, Stream(self._decoders.take(vocabulary)))

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
