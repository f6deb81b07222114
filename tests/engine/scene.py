"""A script in, a conversation out that has happened: what the engine's tests share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.conversation import StreamingConversation
from bench.engine.output import Utterance
from bench.engine.transcript import Sender
from bench.simulation.loudspeaker import Loudspeaker
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer

WINDOW_SECONDS = 0.032  # what the detector takes at once
QUIET, LOUD = bytes(1024), b"\x01\x20" * 512
WORD_SECONDS = 0.25
LINE = "We are open from nine to five and on Sundays from ten to noon."
SENTENCES = "We are open today. On Sundays we are closed. Shall I book a table?"


def is_loud(window: bytes) -> float:
    """The probability of speech in a window: it is loud or it is not."""
    return float(any(window))


class Listener(Loudspeaker):
    """A loudspeaker that keeps what it was sent, and notices audio after its `clear`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.utterances: list[Utterance] = []
        self.sent: dict[int, bytearray] = {}
        self.sounded: dict[int, bytearray] = {}
        self.after_clear = 0
        self.calls: list[tuple[float, str]] = []
        self._silent = True

    @property
    def all_sent(self) -> bytes:
        return b"".join(self.sent.values())

    def begin(self, utterance: Utterance) -> None:
        super().begin(utterance)
        self.utterances.append(utterance)
        self.sent[utterance.id] = bytearray()
        self.sounded[utterance.id] = bytearray()
        self._silent = False

    def _advance(self) -> None:
        before = len(self.recording)
        super()._advance()
        for _, pcm in self.recording[before:]:
            self.sounded[self.utterances[-1].id] += pcm

    def consume_nonblocking(self, chunk: bytes) -> None:
        self.after_clear += self._silent
        self.sent[self.utterances[-1].id] += chunk
        super().consume_nonblocking(chunk)

    def hold(self) -> None:
        self.calls.append((clock.now(), "hold"))
        super().hold()

    def resume(self) -> None:
        self.calls.append((clock.now(), "resume"))
        super().resume()

    def clear(self) -> None:
        self.calls.append((clock.now(), "clear"))
        self._silent = True
        super().clear()


class Scene:
    """A conversation, its user and its loudspeaker."""

    def __init__(self, agent: Any = None, speaker: Any = None, **parts: Any) -> None:
        self.user = parts.pop("transcriber", None) or ScriptedTranscriber()
        self.agent = agent or ScriptedAgent([LINE])
        self.speaker = speaker or Listener()
        self.conversation = StreamingConversation(
            output_device=self.speaker,
            transcriber=self.user,
            agent=self.agent,
            synthesizer=parts.pop("synthesizer", None)
            or ToneSynthesizer(seconds_per_word=WORD_SECONDS),
            **{"idle_seconds": None, "vad": is_loud, **parts},
        )
        self.trace = self.conversation.trace

    @property
    def history(self) -> list[tuple[str, str]]:
        """(who, text, cut off marked by a dash) of every message."""
        return [
            ("user" if m.sender is Sender.HUMAN else "bot", m.text + " –" * m.interrupted)
            for m in self.conversation.transcript.event_logs
        ]

    async def microphone(self, seconds: float, *, loud: bool = False) -> None:
        """The user's microphone, window by window; each arrives when it has been spoken."""
        for _ in range(round(seconds / WINDOW_SECONDS)):
            await clock.sleep(WINDOW_SECONDS)
            self.conversation.receive_audio(LOUD if loud else QUIET)

    async def ask(self, text: str = "When are you open?", then_seconds: float = 0.0) -> None:
        """The user's whole turn, then some time."""
        self.user.hear(text)
        await clock.sleep(then_seconds)

    def heard_is_what_was_sent(self) -> bool:
        """Whether what sounded of each utterance is, to the byte, the beginning of what was sent,
        and as long as the ledger has it."""
        speaker = self.speaker
        return all(
            speaker.sent[entry.id].startswith(speaker.sounded[entry.id])
            and len(speaker.sounded[entry.id]) == entry.played * SAMPLE_WIDTH
            for entry in speaker.utterances
        )


def play(script: Callable[[Scene], Awaitable[None]], *, drain: float = 0.0, **parts: Any) -> Scene:
    """Let a scene happen in virtual time, end it, and see that nothing is left of it."""

    async def main() -> Scene:
        scene = Scene(**parts)
        await scene.conversation.start()
        try:
            await script(scene)
        finally:
            await scene.conversation.terminate(drain)
        await clock.sleep(2.0)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left
        for utterance in getattr(scene.speaker, "utterances", ()):
            assert utterance.closed.is_set()
            assert utterance.buffered == 0
            assert min(utterance.played, utterance.dropped) >= 0
        assert getattr(scene.speaker, "after_clear", 0) == 0
        return scene

    return clock.run(main(), virtual=True)


def samples(pcm: bytes) -> int:
    """Samples in PCM."""
    return len(pcm) // SAMPLE_WIDTH
