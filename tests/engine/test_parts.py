"""Parts and their backups in a whole conversation: made ready, shown, closed, taken over from."""

import pytest

from bench import clock
from bench.engine.agent import BaseAgent
from bench.engine.synthesizer import BaseSynthesizer
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.errors import ConnectFailed, Rejected
from bench.events import ConversationStarted, ProviderFailed, TranscriptReceived
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from tests.engine.scene import LINE, Scene, play

pytestmark = pytest.mark.unit


async def ask(scene: Scene) -> None:
    await scene.ask(then_seconds=6.0)


def test_clients_are_made_ready_side_by_side_before_the_conversation_begins():
    warmed: list[tuple[str, float]] = []

    class Cold:
        provider = ""

        async def warm_up(self) -> None:
            await clock.sleep(0.5)
            warmed.append((self.provider, clock.now()))

    class Ears(Cold, ScriptedTranscriber): ...

    class Mind(Cold, ScriptedAgent): ...

    class Mouth(Cold, ToneSynthesizer): ...

    def named(part: BaseTranscriber | BaseAgent | BaseSynthesizer, name: str):
        part.provider = name
        return part

    mind = named(Mind([LINE]), "mind")
    mind.backup = named(Mind([LINE]), "second mind")  # type: ignore[assignment]
    parts = {"transcriber": named(Ears(), "ears"), "synthesizer": named(Mouth(), "mouth")}
    scene = play(ask, agent=mind, **parts)
    assert warmed == [(name, 0.5) for name in ("ears", "mind", "second mind", "mouth")]
    assert scene.trace.at(ConversationStarted) == [0.0]
    assert scene.history[-1] == ("bot", LINE)


def test_one_that_is_not_ready_in_time_or_fails_stops_nobody():
    class Slow(ScriptedAgent):
        async def warm_up(self) -> None:
            await clock.sleep(100.0)

    class Broken(ToneSynthesizer):
        async def warm_up(self) -> None:
            raise ConnectFailed("tone", "refused")

    async def script(scene: Scene) -> None:
        assert clock.now() == 2.0
        await scene.ask(then_seconds=6.0)

    scene = play(script, agent=Slow([LINE]), synthesizer=Broken(seconds_per_word=0.25))
    assert scene.history[-1] == ("bot", LINE)
    assert scene.trace.of(ProviderFailed) == []


def test_backups_are_shown_set_and_closed():
    closed: list[str] = []

    class Mouth(ToneSynthesizer):
        async def terminate(self) -> None:
            await clock.sleep(0.1)
            closed.append(self.provider)

    class Ears(ScriptedTranscriber):
        provider = "second ears"

    first, second = Mouth(seconds_per_word=0.25), Mouth(seconds_per_word=0.25)
    second.provider = "second"
    first.backup = second
    user = ScriptedTranscriber()
    user.backup = Ears()
    scene = play(ask, synthesizer=first, transcriber=user)
    shown = scene.trace.of(ConversationStarted)[0].settings
    assert (shown["synthesizer"], shown["synthesizer_fallback"]) == ("tone", "second")
    assert (shown["transcriber"], shown["transcriber_fallback"]) == ("scripted", "second ears")
    assert "agent_fallback" not in shown
    assert second.sampling_rate == scene.speaker.sampling_rate
    assert closed == ["tone", "second"]


def test_without_backups_the_settings_are_shown_as_they_were():
    shown = play(ask).trace.of(ConversationStarted)[0].settings
    assert not [name for name in shown if "fallback" in name]


def test_words_are_told_under_the_name_of_who_heard_them():
    class Deaf(BaseTranscriber):
        provider = "deaf"

        async def _run_loop(self) -> None:
            await self.take()
            raise Rejected("deaf", "bad key")

    class Ears(BaseTranscriber):
        provider = "second"

        async def _run_loop(self) -> None:
            await self.take()
            await self.tell(Transcription("When are you open?", ends_turn=True))
            await clock.sleep(100.0)

    async def script(scene: Scene) -> None:
        await scene.microphone(0.5)
        await clock.sleep(5.0)

    first = Deaf()
    first.backup = Ears()
    scene = play(script, transcriber=first)
    assert [fact.provider for fact in scene.trace.of(TranscriptReceived)] == ["second"]
    assert scene.history == [("user", "When are you open?"), ("bot", LINE)]
