"""The embedded trio, as it is assembled: spoken to, it understands, and it speaks."""

from collections.abc import Callable, Iterator

import pytest

from bench import assembly, clock
from bench.assembly import Settings
from bench.audio import frames
from bench.engine.conversation import StreamingConversation
from bench.engine.settings import ConversationSettings
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcript import Sender
from bench.events import PlaybackFinished, SynthesisRequested, UserStartedSpeaking
from bench.settings import AppSettings, ProviderSettings
from bench.simulation.loudspeaker import Loudspeaker

pytestmark = pytest.mark.replay

BASE = Settings(AppSettings(), ConversationSettings(idle_seconds=None), ProviderSettings())
FRAME_BYTES = 640  # 20 ms


@pytest.fixture(autouse=True, scope="module")
def _engines_end() -> Iterator[None]:
    yield
    assembly.cool_down()


async def spoken(text: str) -> bytes:
    """The text in the usual voice."""
    synthesizer = assembly.assemble_synthesizer({}, base=BASE)
    speech = await synthesizer.create_speech(BaseMessage(text), FRAME_BYTES)
    return b"".join([piece.chunk async for piece in speech.chunk_generator])


async def say(call: StreamingConversation, text: str) -> None:
    """Say something to the bot, and hear its answer out."""
    for frame in frames(await spoken(text) + bytes(32_000), FRAME_BYTES):
        call.receive_audio(frame)
        await clock.sleep(0.02)
    finished = len(call.trace.of(PlaybackFinished))
    await until(lambda: len(call.trace.of(PlaybackFinished)) > finished)


async def until(happened: Callable[[], bool]) -> None:
    async with clock.deadline(30):
        while not happened():
            await clock.sleep(0.05)


def test_a_question_is_understood_and_answered():
    async def main() -> StreamingConversation:
        await assembly.warm_up(BASE)
        call = assembly.assemble({"greeting": ""}, Loudspeaker(), base=BASE)
        await call.start()
        await say(call, "Can I book a table for two on Friday?")
        await call.terminate()
        return call

    call = clock.run(main(), virtual=True)
    user, bot = call.transcript.event_logs
    assert (user.sender, bot.sender) == (Sender.HUMAN, Sender.BOT)
    assert user.text == "can i book a table for two on friday"
    assert bot.text == "For two on Friday. What time would you like?"
    assert call.trace.of(UserStartedSpeaking)


def test_it_greets_and_changes_its_voice_with_the_next_turn():
    async def main() -> StreamingConversation:
        call = assembly.assemble({"pitch": 60}, Loudspeaker(), base=BASE)
        await call.start()
        await clock.sleep(0.5)
        asked = {"pitch": 60, "voice": "en-gb", "speed": 1.5}
        call.change(**assembly.assemble_changes(asked, base=BASE))
        await until(lambda: bool(call.trace.of(PlaybackFinished)))
        await say(call, "Is there parking?")
        await call.terminate()
        return call

    call = clock.run(main(), virtual=True)
    greeting, user, bot = call.transcript.event_logs
    assert greeting.text == "Welcome to Talkbench Bistro. How can I help you?"
    assert user.text == "is there parking"
    assert "parking" in bot.text
    voices = [fact.voice for fact in call.trace.of(SynthesisRequested)]
    assert voices[0] == "en-us+klatt"
    assert set(voices[2:]) == {"en-gb"}
