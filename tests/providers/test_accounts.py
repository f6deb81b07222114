"""An account is not asked for more than its limits allow, by however many conversations."""

import asyncio

import pytest

from bench import clock
from bench.engine.agent import BaseAgent
from bench.engine.synthesizer import BaseMessage, SynthesisResult
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.errors import ConfigError, RateLimited
from bench.events import FellBack, ProviderFailed, TranscriptReceived
from bench.providers.accounts import ProviderAccount
from bench.providers.known import Role
from bench.settings import Secret, ServiceSettings
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE, Scene, play

pytestmark = pytest.mark.unit

KEYS = {"A_KEY": Secret("sk-abcdefghijklmnop")}


def account(role: Role = "voice", key: str = "", **limits: object) -> ProviderAccount:
    keys = {"A_KEY": Secret(key)} if key else KEYS
    return ProviderAccount(role, "vendor", keys, limits)


async def begun_at(*accounts: ProviderAccount, times: int, wait: float = 8.0) -> list[float]:
    """When each of so many requests at once, on each account, may begin."""
    at: list[float] = []

    async def ask(one: ProviderAccount) -> None:
        slot = await one.enter(1.0, wait)
        at.append(round(clock.now(), 3))
        slot.leave()

    await asyncio.gather(*(ask(one) for _ in range(times) for one in accounts))
    return at


def test_ten_requests_at_once_and_then_ten_a_second():
    at = clock.run(begun_at(account(), times=13), virtual=True)
    assert at == [0.0] * 10 + [0.1, 0.2, 0.3]


def test_a_rate_below_one_a_second():
    at = clock.run(begun_at(account(requests_per_second=0.5), times=3), virtual=True)
    assert at == [0.0, 2.0, 4.0]


def test_two_parts_with_one_key_share_an_account_and_two_keys_do_not():
    async def main() -> tuple[list[float], list[float]]:
        shared = await begun_at(account(), account("llm"), times=6)
        return shared, await begun_at(account(key="other"), times=6)

    shared, other = clock.run(main(), virtual=True)
    assert shared == [0.0] * 10 + [0.1, 0.2]
    assert other == [0.2] * 6


def test_so_many_at_once():
    async def main() -> list[float]:
        one, at = account(concurrent_requests=2), list[float]()

        async def use() -> None:
            slot = await one.enter(1.0, 8.0)
            at.append(clock.now())
            await clock.sleep(1.0)
            slot.leave()
            slot.leave()

        await asyncio.gather(*(use() for _ in range(5)))
        return at

    assert clock.run(main(), virtual=True) == [0.0, 0.0, 1.0, 1.0, 2.0]


def test_who_waits_too_long_is_told_so_and_takes_no_place():
    async def main() -> RateLimited:
        one = account(concurrent_requests=1)
        first = await one.enter(1.0, 8.0)
        with pytest.raises(RateLimited) as refused:
            await one.enter(1.0, 8.0)
        assert clock.now() == 8.0
        first.leave()
        (await one.enter(1.0, 0.0)).leave()
        return refused.value

    error = clock.run(main(), virtual=True)
    assert error.after_seconds == 8.0
    assert error.retry_after_seconds is None
    assert "10 requests a second and 1 at once" in str(error)


def test_who_stops_waiting_takes_no_place():
    async def main() -> None:
        one = account(concurrent_requests=1)
        first = await one.enter(1.0, 8.0)
        waiting = asyncio.ensure_future(one.enter(1.0, 8.0))  # noqa: TID251
        await clock.sleep(1.0)
        waiting.cancel()
        await asyncio.wait([waiting])
        first.leave()
        (await one.enter(1.0, 0.0)).leave()

    clock.run(main(), virtual=True)


def test_a_day_s_quota():
    async def main() -> list[str]:
        one, told = account(daily_characters=100), list[str]()
        for characters in (60.0, 41.0, 40.0, 1.0):
            try:
                (await one.enter(characters, 8.0)).leave()
                told.append("yes")
            except RateLimited as error:
                told.append(error.reason)
        return told

    no = "our quota of 100 characters a day is used up"
    assert clock.run(main(), virtual=True) == ["yes", no, "yes", no]


def test_the_next_day_there_is_more(monkeypatch: pytest.MonkeyPatch):
    today = 20_000 * 86_400.0
    monkeypatch.setattr(clock, "wall", lambda: today)

    async def main() -> bool:
        one = account(daily_characters=10)
        slot = await one.enter(10.0, 8.0)
        used_up = not slot.use(0.0)
        monkeypatch.setattr(clock, "wall", lambda: today + 86_399)
        with pytest.raises(RateLimited):
            await one.enter(1.0, 8.0)
        monkeypatch.setattr(clock, "wall", lambda: today + 86_400)
        await one.enter(10.0, 8.0)
        return used_up

    assert clock.run(main(), virtual=True)


def test_on_the_wall_clock_a_quota_outlives_a_loop_and_in_virtual_time_it_does_not():
    async def use() -> bool:
        try:
            await account(daily_characters=10, key="outlives").enter(10.0, 8.0)
        except RateLimited:
            return False
        return True

    assert [clock.run(use(), virtual=True) for _ in range(2)] == [True, True]
    assert [clock.run(use()) for _ in range(2)] == [True, False]


def test_no_key_is_kept():
    one = account()
    assert "sk-" not in repr(vars(one))


@pytest.mark.parametrize("name", ["requests_per_second", "concurrent_requests", "daily_minutes"])
def test_limits_that_allow_nothing_are_refused(name: str):
    with pytest.raises(ConfigError, match=f"{name} is 0: want more than 0"):
        ServiceSettings(**{name: 0})  # type: ignore[arg-type]


# In a conversation


def second(part: BaseAgent | ToneSynthesizer) -> None:
    part.provider = "second"


def test_a_voice_that_has_said_enough_for_today_is_replaced_in_the_middle_of_an_answer():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=10.0)

    voice, backup = ToneSynthesizer(seconds_per_word=0.25), ToneSynthesizer(seconds_per_word=0.25)
    voice.account = account(daily_characters=20)
    second(backup)
    voice.backup = backup
    agent = ScriptedAgent(["We are open today. On Sundays we are closed."])
    scene = play(script, agent=agent, synthesizer=voice)
    assert scene.history[-1] == ("bot", "We are open today. On Sundays we are closed.")
    (fell,) = scene.trace.of(FellBack)
    assert (fell.provider, fell.kind, fell.to) == ("tone", "RateLimited", "second")
    (failed,) = scene.trace.of(ProviderFailed)
    assert failed.message == "our quota of 20 characters a day is used up"


def test_a_place_is_given_back_when_a_sentence_is_called_off_or_fails():
    class Failing(ToneSynthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            raise OSError("gone")

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        scene.conversation.broadcast_interrupt()
        await scene.ask("Again?", 6.0)

    for voice in (ToneSynthesizer(seconds_per_word=0.25), Failing()):
        voice.account = account(concurrent_requests=1)
        scene = play(script, synthesizer=voice)
        if not isinstance(voice, Failing):
            assert scene.history[-1] == ("bot", LINE)
        assert not scene.trace.of(FellBack)
        kinds = {fact.kind for fact in scene.trace.of(ProviderFailed)}
        assert not kinds


def test_a_model_that_has_used_its_tokens_is_replaced_in_the_next_turn():
    """Nobody counts the tokens of a scripted model: they are its letters over 4."""

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=8.0)
        await scene.ask("And on Sunday?", 8.0)

    agent, backup = ScriptedAgent([LINE]), ScriptedAgent(["The backup answers."])
    agent.account = account("llm", daily_tokens=len(LINE) // 4)
    second(backup)
    agent.backup = backup
    scene = play(script, agent=agent)
    assert [text for who, text in scene.history if who == "bot"] == [LINE, "The backup answers."]
    assert [fact.kind for fact in scene.trace.of(FellBack)] == ["RateLimited"]


def test_ears_that_have_heard_enough_for_today_are_replaced_and_no_sound_is_lost():
    class Ears(BaseTranscriber):
        async def _run_loop(self) -> None:
            heard = 0
            while True:
                heard += len(await self.take()) // 2
                said = Transcription(str(self.placed(heard)), utterance_id="u1", is_final=False)
                await self.tell(said)

    async def script(scene: Scene) -> None:
        await scene.microphone(6.0)

    first, other = Ears(), Ears()
    first.provider, other.provider = "first", "second"
    first.account = account("transcriber", daily_minutes=3 / 60)
    first.backup = other
    scene = play(script, transcriber=first)
    (fell,) = scene.trace.of(FellBack)
    assert (fell.kind, fell.to) == ("RateLimited", "second")
    assert scene.trace.at(FellBack)[0] == pytest.approx(3.0, abs=0.05)
    told = scene.trace.of(TranscriptReceived)
    at = [int(fact.text) for fact in told if fact.provider == "second"]
    assert at == list(range(512, 512 * 188 + 1, 512))
