"""Text in, blocks of samples and word events out: espeak-ng's C interface.

espeak-ng is GPL-3: only `espeak_worker`, a process of its own, imports this file. The library is
one global engine and not safe between threads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import POINTER, c_char_p, c_int, c_short, c_ubyte, c_uint, c_void_p
from pathlib import Path
from typing import Any, NamedTuple

_SYNCHRONOUS = 2  # audio comes through the callback, on the calling thread
_RATE, _PITCH = 1, 3
_WORD = 1
_BY_CHARACTER = 1
_UTF8, _END_PAUSE = 0x1, 0x1000  # no SSML flag and no phoneme flag: text is only ever read out


class _Id(ctypes.Union):
    _fields_ = [("number", c_int), ("name", c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", c_int),
        ("unique_identifier", c_uint),
        ("text_position", c_int),
        ("length", c_int),
        ("audio_position", c_int),
        ("sample", c_int),
        ("user_data", c_void_p),
        ("id", _Id),
    ]


class _Voice(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("languages", c_void_p),
        ("identifier", c_char_p),
        ("gender", c_ubyte),
        ("age", c_ubyte),
        ("variant", c_ubyte),
        ("reserved", c_ubyte),
        ("score", c_int),
        ("spare", c_void_p),
    ]


_Callback = ctypes.CFUNCTYPE(c_int, POINTER(c_short), c_int, POINTER(_Event))


class WordEvent(NamedTuple):
    """A word begins: at which character of the text, at which sample of its audio."""

    position: int
    sample: int


Block = Callable[[bytes, list[WordEvent]], bool]
"""Takes a block (PCM at the library's rate) and the words that begin in it; True means stop."""


class Library:
    """The engine, initialised. `rate` is its sample rate in Hz."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_Info.restype = c_char_p
        self._library.espeak_ListVoices.restype = POINTER(POINTER(_Voice))
        data = Path(espeakng_loader.get_data_path())
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(data).encode(), 0)
        if self.rate <= 0:
            raise OSError(f"espeak-ng cannot be initialised (code {self.rate})")
        self._block: Block = lambda pcm, words: True
        self._failure: BaseException | None = None
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)
        self._variants = {file.name for file in (data / "voices" / "!v").iterdir()}
        self._voices = self._list_voices()

    def version(self) -> str:
        """The library's version."""
        return self._library.espeak_Info(None).decode().split()[0]

    def languages(self) -> list[str]:
        """Names a voice can begin with (`en-us`), before any `+variant`."""
        return sorted(self._voices)

    def _list_voices(self) -> dict[str, bytes]:
        voices = self._library.espeak_ListVoices(None)
        found: dict[str, bytes] = {}
        index = 0
        while voices[index]:
            voice = voices[index].contents
            # The first byte of `languages` is a priority, then comes the name.
            language = ctypes.string_at(voice.languages + 1).decode().lower()
            found.setdefault(language, voice.identifier)
            index += 1
        return found

    def _select(self, voice: str) -> None:
        language, _, variant = voice.partition("+")
        identifier = self._voices.get(language.lower())
        # The library itself takes an unknown variant in silence.
        if identifier is None or (variant and variant not in self._variants):
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        name = identifier + (b"+" + variant.encode() if variant else b"")
        if self._library.espeak_SetVoiceByName(name) != 0:
            raise ValueError(f"espeak-ng cannot load its voice {voice!r}")

    def speak(self, text: str, voice: str, words_per_minute: int, pitch: int, block: Block) -> None:
        """Speak `text`, handing each block of about 60 ms to `block` until it says stop.

        Raises:
            ValueError: no such voice.
        """
        library = self._library
        self._select(voice)
        library.espeak_SetParameter(_RATE, words_per_minute, 0)
        library.espeak_SetParameter(_PITCH, pitch, 0)
        self._block, self._failure = block, None
        encoded = text.encode("utf-8", "replace")
        flags = _UTF8 | _END_PAUSE
        library.espeak_Synth(encoded, len(encoded) + 1, 0, _BY_CHARACTER, 0, flags, None, None)
        library.espeak_Synchronize()
        if self._failure:
            raise self._failure

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        # An exception cannot cross the C frames: it stops the speech and is raised after it.
        try:
            pcm = ctypes.string_at(samples, 2 * count) if samples and count > 0 else b""
            words: list[WordEvent] = []
            index = 0
            while events[index].type != 0:
                event = events[index]
                if event.type == _WORD:
                    words.append(WordEvent(event.text_position - 1, event.sample))
                index += 1
            return int(self._block(pcm, words))
        except BaseException as error:
            self._failure = error
            return 1
