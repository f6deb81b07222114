"""The uses that people who know this architecture bring with them."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.transcript import Sender
from bench.engine.worker import BaseWorker
from bench.events import CutOff
from bench.simulation.loudspeaker import Loudspeaker
from bench.testing import (
    STORY,
    ScriptedAgent,
    ScriptedTranscriber,
    ToneSynthesizer,
    create_test_conversation,
    is_partial_message,
    wait_for_audio_output,
)

pytestmark = pytest.mark.unit

SOUND = b"\x10\x20" * 320


class Doubler(BaseWorker):
    async def process(self, item: int) -> None:
        if item < 0:
            raise ValueError("only what can be doubled, please")
        await self.output_queue.put(2 * item)


def test_a_worker_alone_on_two_queues_survives_an_item_that_raises():
    async def main() -> list[int]:
        worker = Doubler(asyncio.Queue(4), asyncio.Queue(4))
        worker.start()
        assert worker.active
        for item in (1, -1, 3):
            await worker.input_queue.put(item)
        doubled = [await worker.output_queue.get() for _ in range(2)]
        await worker.terminate()
        assert not worker.active
        return doubled

    assert clock.run(main(), virtual=True) == [2, 6]


class EchoTranscriber(BaseTranscriber):
    """A sender and a receiver side by side, with a service between them."""

    async def _run_loop(self) -> None:
        service: asyncio.Queue[bytes] = asyncio.Queue(8)

        async def sender() -> None:
            async for chunk in self.audio():
                await service.put(chunk)

        async def receiver() -> None:
            while chunk := await service.get():
                said = "silence" if not any(chunk) else f"{len(chunk)} bytes"
                await self.output_queue.put(Transcription(said, 0.9, True))

        await asyncio.gather(sender(), receiver())


def test_a_transcriber_alone_hears_and_is_muted():
    async def main() -> list[str]:
        transcriber = EchoTranscriber()
        transcriber.send_audio(SOUND)
        said = [(await transcriber.output_queue.get()).message]
        transcriber.mute()
        transcriber.send_audio(SOUND)
        said.append((await transcriber.output_queue.get()).message)
        transcriber.unmute()
        transcriber.send_audio(SOUND)
        said.append((await transcriber.output_queue.get()).message)
        await transcriber.terminate()
        return said

    assert clock.run(main(), virtual=True) == ["640 bytes", "silence", "640 bytes"]


def test_the_whole_pipeline_answers_sound_with_sound():
    async def main() -> None:
        conversation = create_test_conversation()
        conversation.receive_audio(SOUND)
        chunk = await wait_for_audio_output(timeout=5)
        assert len(chunk) == 640
        await conversation.terminate()
        assert conversation.transcript.event_logs[0].sender is Sender.HUMAN

    clock.run(main(), virtual=True)


def test_an_interrupt_one_second_into_a_story_leaves_what_was_heard():
    async def main() -> None:
        conversation = create_test_conversation()
        conversation.receive_audio(SOUND)
        await wait_for_audio_output(timeout=5)
        await clock.sleep(1)
        assert conversation.broadcast_interrupt()
        last = conversation.transcript.event_logs[-1]
        assert is_partial_message(last)
        assert last.text
        assert STORY.startswith(last.text)
        assert not conversation.broadcast_interrupt()
        await conversation.terminate()
        (cut,) = conversation.trace.of(CutOff)
        assert cut.heard == last.text == conversation.transcript.event_logs[-1].text
        assert cut.played == 16_000

    clock.run(main(), virtual=True)


class WholeAnswer(BaseAgent):
    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        yield GeneratedResponse(message=BaseMessage(text=f"You said {human_input}."))


def test_an_agent_that_answers_in_one_piece():
    async def main() -> str:
        conversation = create_test_conversation(agent=WholeAnswer())
        conversation.receive_audio(SOUND)
        await wait_for_audio_output(timeout=5)
        await clock.sleep(10)
        await conversation.terminate()
        return conversation.transcript.event_logs[-1].text

    assert clock.run(main(), virtual=True) == "You said Tell me a long story."


WEATHER = "I think the weather will be nice today and tomorrow and probably the day after."


def test_the_scene_everybody_pictures():
    async def main() -> None:
        transcriber, loudspeaker = ScriptedTranscriber(), Loudspeaker()
        agent = ScriptedAgent([WEATHER, "All right."])
        conversation = create_test_conversation(
            transcriber=transcriber,
            agent=agent,
            synthesizer=ToneSynthesizer(seconds_per_word=0.25),
            output_device=loudspeaker,
        )
        await conversation.start()
        transcriber.hear("What will the weather be like?")
        await clock.sleep(0.25 * 8 + 0.1)  # "and" has begun
        transcriber.hear("Stop")
        await clock.sleep(0)
        await clock.sleep(0)
        spoken = conversation.transcript.event_logs[1]
        assert spoken.text == "I think the weather will be nice today"
        assert spoken.interrupted
        assert loudspeaker.cleared_at == pytest.approx(2.1)
        await clock.sleep(2)
        await conversation.terminate()
        said = [(m.sender, m.text) for m in conversation.transcript.event_logs]
        assert said == [
            (Sender.HUMAN, "What will the weather be like?"),
            (Sender.BOT, "I think the weather will be nice today"),
            (Sender.HUMAN, "Stop"),
            (Sender.BOT, "All right."),
        ]
        assert agent.asked[1] == ("Stop", True)

    clock.run(main(), virtual=True)
