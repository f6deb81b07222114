"""A stream of audio in, every word once out, whoever of two listeners hears it."""

import asyncio
from collections.abc import Callable

import pytest

from bench import clock
from bench.engine.transcriber import BaseTranscriber, Silence, Transcription
from bench.engine.utterances import Utterances
from bench.errors import BrokenStream, ConnectFailed, ProviderError, Rejected, Stalled
from bench.events import FellBack, ProviderFailed, Retried, Word
from bench.trace import Trace

pytestmark = pytest.mark.unit

FRAME = 320  # samples
WORDS = "one two three four five six seven eight nine ten eleven twelve".split()
FRAMES_A_WORD = 10
PAUSE_EVERY = 4  # words make an utterance
REFUSED = ConnectFailed("first", "refused")


class Reader(BaseTranscriber):
    """Reads the number of its word from each frame; a partial for every word, a final for every
    fourth. `troubles` befall its streams one after the other: (after so many frames, error)."""

    def __init__(self, provider: str, *troubles: tuple[int, ProviderError]) -> None:
        super().__init__()
        self.provider = provider
        self.troubles = list(troubles)
        self.opened: list[tuple[float, int]] = []  # at, with which sample of the microphone
        self._utterances = 0

    async def _run_loop(self) -> None:
        trouble = self.troubles.pop(0) if self.troubles else None
        self.opened.append((clock.now(), self.intake.begins))
        self._utterances += 1
        heard, taken = dict[int, list[int]](), 0
        while trouble is None or taken < trouble[0]:
            chunk = await self.take()
            number = int.from_bytes(chunk[:2], "little") - 1
            begin, taken = taken * FRAME, taken + 1
            if number < 0:
                continue
            heard.setdefault(number, []).append(self.placed(begin))
            if len(heard[number]) == FRAMES_A_WORD:
                await self._hears(heard, final=(number + 1) % PAUSE_EVERY == 0)
        raise trouble[1]

    async def _hears(self, heard: dict[int, list[int]], *, final: bool) -> None:
        whole = {n: places for n, places in heard.items() if len(places) == FRAMES_A_WORD}
        words = tuple(Word(WORDS[n], at[0], at[-1] + FRAME) for n, at in whole.items())
        text = " ".join(word.text for word in words)
        said = Transcription(text, is_final=final, words=words, utterance_id=f"u{self._utterances}")
        await self.tell(said)
        if final:
            self._utterances += 1
            heard.clear()


class Call:
    """What two listeners told, and when."""

    def __init__(self, first: BaseTranscriber, second: BaseTranscriber | None) -> None:
        self.first, self.second = first, second
        first.backup = second
        self.trace = first.trace = Trace()
        self.told: list[tuple[float, Transcription]] = []
        self.listens: list[str] = []
        first.on_takeover = lambda who: self.listens.append(who.provider)

    async def hear(self, seconds: float, *, muted: Callable[[int], bool]) -> None:
        for frame in range(round(seconds * 50)):
            number = frame // FRAMES_A_WORD if frame < len(WORDS) * FRAMES_A_WORD else -1
            (self.first.mute if muted(frame) else self.first.unmute)()
            self.first.send_audio((number + 1).to_bytes(2, "little") * FRAME)
            await clock.sleep(0.02)
            while not self.first.output_queue.empty():
                self.told.append((clock.now(), self.first.output_queue.get_nowait()))
        await self.first.terminate()
        assert len(asyncio.all_tasks()) == 1

    @property
    def finals(self) -> list[str]:
        return [said.message for _, said in self.told if said.is_final]

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        finals = [said for _, said in self.told if said.is_final]
        return {word.text: (word.start_sample, word.end_sample) for s in finals for word in s.words}

    def kinds(self) -> list[tuple[str, str]]:
        kinds = (ProviderFailed, Retried, FellBack)
        facts = [fact for _, fact in self.trace if isinstance(fact, kinds)]
        return [(type(fact).__name__, fact.provider) for fact in facts]


def call(
    first: BaseTranscriber,
    second: BaseTranscriber | None = None,
    seconds: float = 8.0,
    muted: Callable[[int], bool] = lambda frame: False,
) -> Call:
    made = Call(first, second)
    clock.run(made.hear(seconds, muted=muted), virtual=True)
    return made


def all_words(made: Call) -> bool:
    """Whether each word was final once, where it lay to the sample."""
    length = FRAMES_A_WORD * FRAME
    assert " ".join(made.finals).split() == WORDS
    assert made.places == {w: (n * length, (n + 1) * length) for n, w in enumerate(WORDS)}
    return True


@pytest.mark.parametrize("frames", [1, 15, 25, 39, 40, 41, 66, 95, 119])
@pytest.mark.parametrize(
    "error", [Stalled("first", "quiet"), Rejected("first", "no"), BrokenStream("first", "1011")]
)
def test_the_backup_hears_what_the_first_had_not_told_to_its_end(frames: int, error: ProviderError):
    again = [(0, error)] if isinstance(error, BrokenStream) else []
    made = call(Reader("first", (frames, error), *again), Reader("second"))
    assert all_words(made)
    (fell,) = made.trace.of(FellBack)
    assert (fell.provider, fell.to, fell.kind) == ("first", "second", error.kind)
    assert made.listens == ["second"]
    assert made.second is not None
    assert not made.second.active


def test_no_two_utterances_have_one_id_and_the_open_one_keeps_its_own():
    made = call(Reader("first", (55, Stalled("first"))), Reader("second"))
    ids = [said.utterance_id for _, said in made.told]
    assert ids == ["u1"] * 4 + ["u2"] * 5 + ["u2.1"] * 4
    assert [said.message.split()[-1] for _, said in made.told][4:6] == ["five", "five"]


def test_a_connection_that_fails_is_tried_once_more_at_once():
    first = Reader("first", (0, REFUSED))
    made = call(first, Reader("second"))
    assert made.kinds() == [("ProviderFailed", "first"), ("Retried", "first")]
    assert [at for at, _ in first.opened] == [0.0, 0.0]
    assert all_words(made)


def test_one_that_fails_twice_is_left_to_the_backup_at_once():
    first, second = Reader("first", (0, REFUSED), (0, REFUSED)), Reader("second")
    made = call(first, second)
    assert [name for name, _ in made.kinds()] == [
        "ProviderFailed", "Retried", "ProviderFailed", "FellBack",
    ]  # fmt: skip
    assert [at for at, _ in second.opened] == [0.0]
    assert all_words(made)


def test_a_stream_that_lasted_and_broke_is_opened_again_by_the_same():
    first = Reader("first", (230, BrokenStream("first", "closed with 1011")))
    made = call(first, Reader("second"))
    assert [name for name, _ in made.kinds()] == ["ProviderFailed", "Retried"]
    assert all_words(made)


def test_when_the_backup_fails_the_first_is_asked_again_and_the_waits_grow():
    first = Reader("first", (30, Stalled("first")), (0, REFUSED), (0, REFUSED))
    second = Reader("second", (20, Stalled("second", "quiet")))
    made = call(first, second, seconds=12.0)
    assert made.listens == ["second", "first", "second"]
    assert all_words(made)
    _, (again_at, _), (last_at, _) = first.opened
    assert [again_at - second.opened[0][0], last_at - again_at] == pytest.approx([0.5, 1.0])
    assert second.opened[1][0] - last_at == pytest.approx(2.0)


def test_one_that_was_rejected_is_never_asked_again():
    first = Reader("first", (30, Rejected("first", "bad key")))
    second = Reader("second", (20, Stalled("second")), (20, Stalled("second")))
    made = call(first, second, seconds=12.0)
    assert made.listens == ["second"]
    assert len(first.opened) == 1
    assert len(second.opened) == 3
    assert all_words(made)


def test_when_both_are_rejected_there_is_silence():
    first, second = (Reader(name, (30, Rejected(name))) for name in ("first", "second"))
    made = call(first, second)
    assert len(first.opened) == len(second.opened) == 1
    assert [name for name, _ in made.kinds()] == ["ProviderFailed", "FellBack", "ProviderFailed"]
    assert not first.active


def test_without_a_backup_it_is_opened_again_after_a_growing_wait():
    first = Reader("first", (30, Stalled("first")), (0, REFUSED), (0, REFUSED))
    made = call(first, seconds=10.0)
    assert [round(at, 2) for at, _ in first.opened] == [0.0, 0.58, 1.08, 2.08]
    assert all_words(made)


def test_what_was_muted_is_told_to_a_backup_as_silence():
    class Keeper(Reader):
        async def take(self) -> bytes:
            chunk = await super().take()
            kept.append(isinstance(chunk, Silence))
            return chunk

    kept: list[bool] = []
    call(Reader("first", (0, Rejected("first"))), Keeper("second"), 2.0, lambda n: 40 <= n < 60)
    assert kept == [40 <= n < 60 for n in range(100)]


def test_ids_of_several_listeners():
    ids = Utterances()
    assert [ids.name(f"u{n}", is_final=n == 1) for n in (1, 2)] == ["u1", "u2"]
    assert ids.name("", is_final=True) == ""
    ids.taken_over()
    assert [ids.name("u1", is_final=final) for final in (False, True)] == ["u2", "u2"]
    assert ids.name("u2", is_final=False) == "u2.1"
    ids.taken_over()
    assert [ids.name(f"u{n}", is_final=True) for n in (2, 3)] == ["u2.1", "u3.2"]
