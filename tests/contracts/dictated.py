"""A voice in, a conversation out in which it says an answer that is written word by word."""

from __future__ import annotations

from bench import clock
from bench.engine.conversation import StreamingConversation
from bench.engine.synthesizer import BaseSynthesizer
from bench.testing import ScriptedAgent, ScriptedTranscriber
from tests.engine.scene import Listener

ANSWER = (
    "We are open from nine in the morning to five in the afternoon on every day of the week except "
    "Sunday. Then we are closed. Shall I book a table?"
)
WORD_SECONDS = 0.08  # that the model takes for a word
FIRST_SECONDS = 0.15  # that the voice takes


async def said(
    voice: BaseSynthesizer,
    mode: str,
    heard_seconds: float | None = None,
    *,
    then_seconds: float = 25.0,
    answer: str = ANSWER,
) -> tuple[StreamingConversation, Listener]:
    """A question, and its answer to the end or cut off after so many seconds of it."""
    speaker, user = Listener(), ScriptedTranscriber()
    talk = StreamingConversation(
        output_device=speaker,
        transcriber=user,
        agent=ScriptedAgent([answer], word_seconds=WORD_SECONDS),
        synthesizer=voice,
        response_mode=mode,
        idle_seconds=None,
    )
    await talk.start()
    user.hear("When are you open?")
    if heard_seconds is not None:
        while not speaker.utterances or speaker.position < heard_seconds * 16_000:
            await clock.sleep(0.01)
        talk.broadcast_interrupt()
    await clock.sleep(then_seconds)
    await talk.terminate(0.0)
    return talk, speaker
