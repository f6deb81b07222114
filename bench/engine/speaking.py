"""Speech in, sound out at the pace of speech; says afterwards what was heard."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.answering import SpeechEvent
from bench.engine.output import OutputDevice, Utterance
from bench.engine.playback import Playback
from bench.engine.settings import ConversationSettings
from bench.engine.settling import Settling
from bench.engine.synthesizer import BaseMessage, SynthesisResult
from bench.engine.transcript import Message, Transcript
from bench.engine.words import words_of
from bench.engine.worker import Ending, InterruptibleWorker
from bench.events import (
    FirstAudible,
    PlaybackFinished,
    PlaybackStarted,
    Underrun,
)

REPORT_GRACE_SECONDS = 1.0  # for the far end's last report, after the clock says it was played
ECHO_TAIL_SECONDS = 1.5  # so late may an echo be written down
ECHO_WINDOW_WORDS = (80, 4)  # behind and ahead of the loudspeaker's position


class SynthesisResultsWorker(InterruptibleWorker):
    """Plays `SpeechEvent`s one by one, never more than the lead ahead of the loudspeaker."""

    def __init__(
        self,
        input_queue: asyncio.Queue[Any],
        output_device: OutputDevice,
        transcript: Transcript,
        settings: ConversationSettings,
    ) -> None:
        super().__init__(input_queue, asyncio.Queue(1))
        self.device = output_device
        self.transcript = transcript
        self.settings = settings
        self.event: SpeechEvent | None = None  # the one that plays
        self.playback: Playback | None = None
        self.held = False
        self.spoke_turn = 0  # the user's newest turn to which something was said
        self.on_playing: Callable[[Message | None], None] | None = None  # None: silence again
        self.on_finished: Callable[[SpeechEvent], None] | None = None
        self.on_failure: Callable[[SpeechEvent], None] | None = None
        self._go = asyncio.Event()
        self._go.set()
        self.settling = Settling(transcript, self.record)
        self.device.ledger.on_report = self._reported

    async def process(self, item: SpeechEvent) -> None:
        """Play one answer to its end, or as far as it gets."""
        spoken, self.event, self.turn = item.payload, item, item.payload.turn
        try:
            _, cut_off = await self.send_speech_to_output(
                spoken.message,
                spoken.result,
                item.interruption_event,
                self.settings.chunk_seconds,
            )
        except Exception:
            if self.on_failure is not None:
                self.on_failure(item)
            raise
        finally:
            self.event = None
        if not cut_off and self.on_finished is not None:
            self.on_finished(item)

    async def send_speech_to_output(
        self,
        message: BaseMessage,
        synthesis_result: SynthesisResult,
        stop_event: threading.Event,
        seconds_per_chunk: float,
    ) -> tuple[str, bool]:
        """Play speech until its last sample was heard, or `stop_event` is set, or the task is
        cancelled.

        Returns:
            The words heard, and whether the speech was cut off; both from the ledger.
        """
        playback = Playback(message, synthesis_result, self.device.ledger.open(), self.turn)
        self.playback = playback
        try:
            await self._send_all(playback, stop_event, seconds_per_chunk)
            if stop_event.is_set() or self._unconfirmed(playback):
                self.cut()
                await self.settled()
            else:
                self._finish(playback)
        except asyncio.CancelledError:
            self.cut()
            raise
        except Exception:
            await self._play_out(playback, stop_event, seconds_per_chunk)
            self.cut()
            raise
        return (playback.entry.text if playback.entry else ""), playback.cut_off

    def hold(self) -> int:
        """Pause at once; returns the sample of the utterance at which it pauses."""
        self.held = True
        self._go.clear()
        playback = self.playback
        if playback is None or not playback.sounding:
            return 0
        playback.utterance.hold()
        self.device.hold()
        return playback.utterance.played

    def resume(self) -> int:
        """Go on from the same sample, which is returned."""
        self.held = False
        self._go.set()
        playback = self.playback
        if playback is None or not playback.sounding:
            return 0
        at_sample = playback.utterance.played
        playback.utterance.resume()
        self.device.resume()
        return at_sample

    def release(self) -> None:
        """End a pause that has nothing left to go on with."""
        self.held = False
        self._go.set()

    def cut(self) -> bool:
        """Silence the utterance that plays; the history holds what was heard, at once and for good.

        At once by the best knowledge, for good when the far end has said how much it played.
        False when nothing of it had been sent.
        """
        playback = self.playback
        if playback is None or playback.over:
            return False
        playback.over = playback.cut_off = True
        utterance = playback.utterance
        utterance.clearing = True
        self.device.clear()
        self.release()
        awaited = self.device.reports and utterance.sent > 0 and not utterance.closed.is_set()
        if playback.entry is not None:
            playback.entry.intended = playback.message.text
            playback.entry.settle(playback.heard(), interrupted=True, estimated=True)
        self.settling.begin(playback, self.settings, is_awaited=awaited)
        if self.on_playing is not None and playback.entry is not None:
            self.on_playing(None)
        return playback.entry is not None

    async def settled(self) -> None:
        """Wait until every cut-off is settled; bounded by the wait for the far end's answer."""
        await self.settling.all_settled()

    def words_around(self) -> list[str]:
        """The bot's words around the loudspeaker's position, for telling its echo."""
        playback = self.playback
        if playback is None or not playback.started:
            return []
        if playback.over and clock.now() > playback.utterance.ends_at + ECHO_TAIL_SECONDS:
            return []
        behind, ahead = ECHO_WINDOW_WORDS
        heard, words = len(words_of(playback.heard())), words_of(playback.message.text)
        return words[max(0, heard - behind) : heard + ahead]

    def terminate(self) -> Ending:
        """Stop, silencing what plays."""
        self.cut()
        ending = super().terminate()
        settling = self.settling.tasks
        return Ending([*settling, *([self._task] if self._task else [])]) if settling else ending

    async def _send_all(
        self, playback: Playback, stop_event: threading.Event, seconds_per_chunk: float
    ) -> None:
        async with contextlib.aclosing(playback.result.chunk_generator) as pieces:
            async for piece in pieces:
                if piece.chunk:
                    await self._pace(playback.utterance, seconds_per_chunk)
                if stop_event.is_set():
                    return
                if piece.chunk:
                    self._send(playback, piece.chunk)
                if piece.is_last_chunk:
                    break
        if playback.result.error is not None:
            raise playback.result.error
        await self._play_out(playback, stop_event, seconds_per_chunk)

    async def _pace(self, utterance: Utterance, seconds_per_chunk: float) -> None:
        margin = seconds_per_chunk - self.settings.lead_seconds
        while True:
            if self.held:
                await self._go.wait()
                continue
            due = utterance.paced_until + margin
            if clock.now() >= due - 1e-9:
                return
            await clock.sleep_until(due)

    def _send(self, playback: Playback, chunk: bytes) -> None:
        utterance = playback.utterance
        if playback.over:
            return
        if not utterance.sent:
            self._begin(playback)
        samples = len(chunk) // SAMPLE_WIDTH
        dry = utterance.add(samples)
        self.device.consume_nonblocking(chunk)
        if dry and not self.device.reports:
            self.record(Underrun(utterance.id, utterance.sent - samples, True, turn=self.turn))
        if (lead := playback.lead_samples(chunk)) is not None:
            self.record(FirstAudible(lead, turn=self.turn))

    def _begin(self, playback: Playback) -> None:
        self.spoke_turn = playback.turn
        self.device.begin(playback.utterance)
        playback.entry = self.transcript.add_bot_message("", intended=playback.message.text)
        playback.entry.follow(playback.heard)
        if self.on_playing is not None:
            self.on_playing(playback.entry)
        if not self.device.reports:
            self._started(playback)

    def _started(self, playback: Playback) -> None:
        playback.started = True
        utterance = playback.utterance
        self.record(PlaybackStarted(utterance.id, utterance.estimated, turn=playback.turn))

    def _reported(self, utterance: Utterance) -> None:
        playback = self.playback
        if playback is None or playback.utterance is not utterance:
            return
        if not playback.started and not playback.over and utterance.played:
            self._started(playback)

    async def _play_out(
        self, playback: Playback, stop_event: threading.Event, seconds_per_chunk: float
    ) -> None:
        utterance = playback.utterance
        utterance.complete = True
        if not utterance.sent:
            return
        self.device.end(utterance)
        grace = REPORT_GRACE_SECONDS if self.device.reports else 0.0
        while not utterance.closed.is_set() and not stop_event.is_set():
            if self.held:
                await self._go.wait()
                continue
            left = utterance.ends_at + grace - clock.now()
            if left <= 1e-9:
                return
            with contextlib.suppress(TimeoutError):
                async with clock.deadline(min(left, seconds_per_chunk)):
                    await utterance.closed.wait()

    def _unconfirmed(self, playback: Playback) -> bool:
        """Whether the far end reports but not the end: its last word is what was heard."""
        utterance = playback.utterance
        return not utterance.estimated and utterance.played < utterance.sent

    def _finish(self, playback: Playback) -> None:
        playback.over = True
        utterance = playback.utterance
        utterance.close()
        if playback.entry is None:
            return
        playback.entry.intended = playback.message.text
        playback.entry.settle(playback.message.text, estimated=utterance.estimated)
        turn, estimated = playback.turn, utterance.estimated
        self.record(PlaybackFinished(utterance.id, utterance.played, estimated, turn=turn))
        if self.on_playing is not None:
            self.on_playing(None)
