"""The ledger adds up whatever happens and whatever the far end says; pacing holds for an hour."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.output import OutputDevice, PlayoutLedger, Utterance
from bench.events import CutOff, PlaybackFinished, PlaybackStarted, Underrun
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE, Listener, Scene, play, samples

pytestmark = pytest.mark.unit

HOSTILE = st.one_of(
    st.integers(-(2**40), 2**40), st.integers(0, 5000), st.sampled_from([-1, 0, 1, 2**63, -(2**63)])
)
SECONDS = st.floats(0.0, 0.5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(1, 2000)),
        st.tuples(st.just("played"), HOSTILE),
        st.tuples(st.just("cleared"), HOSTILE),
        st.tuples(st.just("hold"), st.none()),
        st.tuples(st.just("resume"), st.none()),
        st.tuples(st.just("complete"), st.none()),
        st.tuples(st.just("close"), st.none()),
        st.tuples(st.just("wait"), SECONDS),
        st.tuples(st.just("unknown"), HOSTILE),
    ),
    max_size=30,
)


def adds_up(entry: Utterance) -> None:
    assert entry.sent == entry.played + entry.buffered + entry.dropped
    assert min(entry.played, entry.buffered, entry.dropped) >= 0, vars(entry)
    if entry.closed.is_set():
        assert entry.buffered == 0, vars(entry)


async def take(ledger: PlayoutLedger, entry: Utterance, step: str, value: object) -> None:
    match step, value:
        case "send", int() if not entry.closed.is_set() and not entry.complete:
            entry.add(value)
        case "played", int():
            ledger.report_played(entry.id, value)
        case "cleared", int():
            ledger.report_cleared(entry.id, value)
        case "unknown", int():
            ledger.report_played(value + 2**65, value)
            ledger.report_cleared(value + 2**65, value)
        case "wait", float():
            await clock.sleep(value)
        case "complete", _:
            entry.complete = True
        case (("hold" | "resume" | "close"), _):
            getattr(entry, step)()


@given(STEPS, st.sampled_from([0.0, 0.1]), st.sampled_from([8000, 16000, 48000]))
@settings(max_examples=120, deadline=None)
def test_the_ledger_adds_up_at_any_time(
    steps: list[tuple[str, object]], delay_seconds: float, rate: int
):
    async def main() -> None:
        ledger = PlayoutLedger(rate, delay_seconds)
        entry = ledger.open()
        played = 0
        for step, value in steps:
            await take(ledger, entry, step, value)
            adds_up(entry)
            if step not in ("cleared", "played"):
                assert entry.played >= played, "what was played cannot be taken back"
            played = entry.played

    clock.run(main(), virtual=True)


def test_reports_never_run_backwards_nor_ahead_of_what_was_sent():
    async def main() -> None:
        ledger = PlayoutLedger()
        entry = ledger.open()
        entry.add(1000)
        for report, played in ((400, 400), (300, 400), (-5, 400), (10**12, 1000), (0, 1000)):
            ledger.report_played(entry.id, report)
            assert entry.played == played
        assert not entry.estimated

    clock.run(main(), virtual=True)


def test_without_reports_the_paced_clock_stands_in_and_says_so():
    async def main() -> None:
        entry = PlayoutLedger(16_000, 0.1).open()
        entry.add(16_000)
        await clock.sleep(0.1)
        assert (entry.played, entry.buffered, entry.estimated) == (0, 16_000, True)
        await clock.sleep(0.25)
        assert (entry.played, entry.buffered) == (4000, 12_000)
        entry.hold()
        await clock.sleep(10.0)
        assert entry.played == 4000
        entry.resume()
        await clock.sleep(0.25)
        assert entry.played == 8000
        entry.close()
        assert (entry.played, entry.buffered, entry.dropped) == (8000, 0, 8000)

    clock.run(main(), virtual=True)


def test_running_dry_is_told_once_and_what_comes_after_plays_from_then():
    async def main() -> None:
        entry = PlayoutLedger(16_000).open()
        assert not entry.add(1600)
        await clock.sleep(0.1)
        assert not entry.add(1600)  # just in time
        await clock.sleep(0.3)
        assert entry.add(1600)
        assert entry.played == 3200
        await clock.sleep(0.05)
        assert entry.played == 4000

    clock.run(main(), virtual=True)


def test_only_the_answer_to_a_clear_closes_an_utterance_that_is_still_being_sent():
    """A client that clears by itself loses what it threw away, and the ledger still adds up."""

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        entry = scene.speaker.utterances[0]
        scene.speaker.ledger.report_cleared(entry.id, 500)
        adds_up(entry)
        await clock.sleep(0.5)
        adds_up(entry)
        await clock.sleep(8.0)
        adds_up(entry)
        await scene.ask("And on Sunday?", 8.0)
        assert scene.history[-1] == ("bot", LINE)

    scene = play(script)
    for cut in scene.trace.of(CutOff):
        assert cut.played + cut.dropped == scene.speaker.utterances[0].sent


@pytest.mark.parametrize("reports", ["played", "cleared", "both"])
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_a_hostile_client_harms_only_its_own_account(reports: str, data: st.DataObject):
    async def script(scene: Scene) -> None:
        await scene.ask()
        for _ in range(12):
            await clock.sleep(data.draw(SECONDS))
            for entry in scene.speaker.utterances[-2:]:
                number = data.draw(HOSTILE)
                if reports != "cleared":
                    scene.speaker.ledger.report_played(entry.id, number)
                if reports != "played":
                    scene.speaker.ledger.report_cleared(entry.id, number)
                adds_up(entry)
            if data.draw(st.booleans()):
                scene.conversation.broadcast_interrupt()
                await scene.ask("And on Sunday?")
        await clock.sleep(10.0)

    scene = play(script, agent=ScriptedAgent([LINE]))
    for cut in scene.trace.of(CutOff):
        assert LINE.startswith(cut.heard)
        assert min(cut.played, cut.dropped) >= 0


def test_the_ledger_remembers_a_bounded_number_of_utterances():
    async def main() -> None:
        ledger = PlayoutLedger()
        for _ in range(1000):
            ledger.open()
        assert ledger.find(1) is None
        assert ledger.find(1000) is ledger.current

    clock.run(main(), virtual=True)


def test_a_device_must_take_chunks():
    with pytest.raises(NotImplementedError, match="OutputDevice must write consume_nonblocking"):
        OutputDevice().consume_nonblocking(b"")


# Pacing


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.parametrize("lead", [0.02, 0.2, 0.5])
def test_first_audio_at_once_then_never_more_than_the_lead_ahead(
    rate: int, reports: bool, lead: float
):
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=6.0)

    speaker = Listener(rate, reports=reports)
    scene = play(script, speaker=speaker, lead_seconds=lead)
    assert speaker.chunks[0][0] == 0.0
    sent, chunk = 0, round(0.02 * rate) * SAMPLE_WIDTH
    for at, size in speaker.chunks:
        assert size == chunk
        sent += size // SAMPLE_WIDTH
        assert sent / rate - at <= lead + 1e-6
        assert (sent - size // SAMPLE_WIDTH) / rate >= at - 1e-6  # and never behind
    assert samples(speaker.heard) == sent == round(len(LINE.split()) * 0.25 * rate)
    assert speaker.heard == speaker.all_sent
    assert not scene.trace.of(Underrun)
    assert len(scene.trace.of(PlaybackStarted)) == len(scene.trace.of(PlaybackFinished)) == 1


@pytest.mark.parametrize(("minutes", "reports"), [(60, False), (5, True)])
def test_no_drift_in_an_hour(minutes: int, reports: bool):
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=60.0 * minutes + 2.0)

    speaker = Listener(8_000, reports=reports, report_seconds=1.0)
    agent = ScriptedAgent([" ".join(["word"] * 4 * 60 * minutes)])
    scene = play(script, agent=agent, speaker=speaker, chunk_seconds=0.2, lead_seconds=0.4)
    for i, (at, _) in enumerate(speaker.chunks):
        assert at == pytest.approx(max(0.0, 0.2 * (i - 1)), abs=2e-6)
    (finished,) = scene.trace.of(PlaybackFinished)
    assert finished.samples == 60 * minutes * 8_000
    assert scene.trace.at(PlaybackFinished)[0] == pytest.approx(60.0 * minutes, abs=1.01)
    assert not scene.trace.of(Underrun)


def test_gaps_are_counted_where_the_synthesizer_is_too_slow():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=12.0)

    synthesizer = ToneSynthesizer(seconds_per_word=0.25, real_time_factor=1.5)
    speaker = Listener(reports=False)
    scene = play(script, synthesizer=synthesizer, speaker=speaker)
    gaps = scene.trace.of(Underrun)
    assert gaps
    assert all(gap.estimated for gap in gaps)
    dry_at = {gap.at_sample for gap in gaps}
    sounded, ends = 0, None
    heard_gaps: set[int] = set()
    for at, pcm in speaker.recording:
        if ends is not None and at > ends + 1e-4:
            heard_gaps.add(sounded)
        sounded += samples(pcm)
        ends = at + samples(pcm) / 16_000
    assert dry_at == heard_gaps
    assert speaker.heard == speaker.all_sent
    assert scene.history[-1] == ("bot", LINE)


def test_a_slow_synthesizer_that_keeps_up_makes_no_gap():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=12.0)

    synthesizer = ToneSynthesizer(seconds_per_word=0.25, real_time_factor=0.95)
    scene = play(script, synthesizer=synthesizer, speaker=Listener(reports=False))
    assert not scene.trace.of(Underrun)


def test_held_audio_keeps_its_lead_and_no_more():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        scene.conversation.hold("the far end is gone")
        await clock.sleep(30.0)
        scene.conversation.resume("it is back")
        await clock.sleep(6.0)

    scene = play(script)
    held = [at for at, _ in scene.speaker.chunks if 1.0 < at < 31.0]
    assert not held
    assert scene.speaker.heard == scene.speaker.all_sent
    assert scene.history[-1] == ("bot", LINE)


def test_pieces_of_speech_wait_for_the_loudspeaker_in_bounded_queues():
    pulled = 0

    class Counting(ToneSynthesizer):
        async def create_speech(self, message, chunk_size):
            result = await super().create_speech(message, chunk_size)
            inner = result.chunk_generator

            async def counted():
                nonlocal pulled
                async for chunk in inner:
                    pulled += 1
                    yield chunk

            result.chunk_generator = counted()
            return result

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        assert pulled < 620  # ten seconds, the lead and what was played

    agent = ScriptedAgent([" ".join(["word"] * 400)])
    play(script, agent=agent, synthesizer=Counting(seconds_per_word=0.25))


def test_two_utterances_follow_each_other_without_a_gap_and_without_a_mixture():
    async def script(scene: Scene) -> None:
        scene.conversation.say("One two three.")
        scene.conversation.say("Four five six.")
        await clock.sleep(5.0)

    scene = play(script, speaker=Listener(reports=False))
    assert [text for _, text in scene.history] == ["One two three.", "Four five six."]
    first, second = scene.speaker.utterances
    assert first.played == first.sent == second.played == second.sent == 12_000
    assert scene.trace.at(PlaybackFinished) == pytest.approx([0.75, 1.5], abs=1e-5)


def test_a_device_task_is_never_left_behind():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await asyncio.gather(*(scene.conversation.terminate(0.2) for _ in range(5)))

    play(script)
