"""Two cassettes of one scenario in, what the provider does differently today out.

Only what a provider owes is compared: a model may find other words for an answer, a voice other
breaths, but a recogniser hears the same sentence, an answer ends, and a speech holds all its words.
"""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.metrics.sound import loudness_db
from bench.metrics.words import words_of
from bench.providers.cassette import ROLES, Answered, Cassette, Heard, Part, Spoke
from bench.replay.word_diff import word_diff

LATER_SECONDS, LATER_FACTOR = 0.1, 1.5  # both, for a latency to count as changed …
FEW, FEWS_FACTOR = 5, 3.0  # … and the factor for fewer measurements than that, which luck moves
PLACE_SECONDS = 0.15  # that a word may lie elsewhere
LENGTH_SHARE = 0.15  # that a speech may be longer or shorter
LOUDNESS_DB = 3.0


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: who (`role`, as the cassette has it), what of it, and how it was and is."""

    role: str
    what: str
    was: str
    now: str


def drift(was: Cassette, now: Cassette) -> list[Drift]:
    """What changed from one recording to another of the same scenario; nothing is an empty list."""
    told = list(_parts(was, now))
    for role, part in was.parts.items():
        if role in now.parts:
            (compare,) = (how for kind, how in _COMPARED.items() if role.startswith(kind))
            told += compare(part, was, now)
    return told


def _parts(was: Cassette, now: Cassette) -> Iterator[Drift]:
    for role in dict.fromkeys((*was.parts, *now.parts)):
        part, today = was.parts.get(role), now.parts.get(role)
        for name in ("provider", "model", "voice", "rate") if part and today else ("provider",):
            before, after = getattr(part, name, "nobody"), getattr(today, name, "nobody")
            if before != after and 0 not in (before, after):  # who said nothing has no rate
                yield Drift(role, name, str(before), str(after))


def _ears(part: Part, was: Cassette, now: Cassette) -> Iterator[Drift]:
    role = part.role
    heard = was.of(Heard, role), now.of(Heard, role)
    yield from _failures(role, *heard)
    before, after = map(_finals, heard)
    texts = [" ".join(str(one["message"]) for _, one in finals) for finals in (before, after)]
    if words_of(texts[0]) != words_of(texts[1]):
        yield Drift(role, "words", "as follows", word_diff(*texts))
    else:
        yield from _placed(role, _starts(before), _starts(after))
    yield from _later(role, "final after its last word", _lags(before), _lags(after))


def _mind(part: Part, was: Cassette, now: Cassette) -> Iterator[Drift]:
    role = part.role
    before, after = was.of(Answered, role), now.of(Answered, role)
    yield from _failures(role, before, after)
    if len(before) != len(after):
        yield Drift(role, "answers", str(len(before)), str(len(after)))
    tools = [_tools(answers) for answers in (before, after)]
    if tools[0] != tools[1]:
        yield Drift(role, "tools called", *(", ".join(names) or "none" for names in tools))
    firsts = [[one.pieces[0][0] for one in answers if one.pieces] for answers in (before, after)]
    yield from _later(role, "first text", *firsts)


def _mouth(part: Part, was: Cassette, now: Cassette) -> Iterator[Drift]:
    role = part.role
    before, after = was.of(Spoke, role), now.of(Spoke, role)
    yield from _failures(role, before, after)
    today = {one.text: one for one in after}
    alike = [(one, today[one.text]) for one in before if one.text in today and one.whole]
    for old, new in alike:
        if len(old.words) != len(new.words):
            yield Drift(
                role, f"words timed in {old.text!r}", str(len(old.words)), str(len(new.words))
            )
        lengths = [one.bytes / SAMPLE_WIDTH / part.rate for one in (old, new)]
        if abs(lengths[1] - lengths[0]) > LENGTH_SHARE * lengths[0] and new.whole:
            shown = [f"{length:.2f} s" for length in lengths]
            yield Drift(role, f"length of {old.text!r}", *shown)
    old = _loudness(was, part.rate, [one for one, _ in alike])
    new = _loudness(now, part.rate, [one for _, one in alike])
    if old is not None and new is not None and abs(new - old) > LOUDNESS_DB:
        yield Drift(role, "loudness", f"{old:.1f} dB", f"{new:.1f} dB")
    firsts = [[one.chunks[0][0] for one in said if one.chunks] for said in (before, after)]
    yield from _later(role, "first audio", *firsts)


def _failures(
    role: str,
    was: Sequence[Heard | Answered | Spoke],
    now: Sequence[Heard | Answered | Spoke],
) -> Iterator[Drift]:
    before, after = ([one.failed.kind for one in events if one.failed] for events in (was, now))
    if before != after:
        yield Drift(role, "failures", _counted(before), _counted(after))


def _counted(kinds: Sequence[str]) -> str:
    """Each kind of failure, and how often."""
    counts = Counter(kinds).items()
    return (
        ", ".join(kind if count == 1 else f"{count} × {kind}" for kind, count in counts) or "none"
    )


def _finals(heard: Sequence[Heard]) -> list[tuple[Heard, Mapping[str, Any]]]:
    said = [(one, one.said) for one in heard if one.said is not None]
    return [(one, fields) for one, fields in said if fields["is_final"] and fields["message"]]


def _starts(finals: Sequence[tuple[Heard, Mapping[str, Any]]]) -> list[float]:
    return [word[1] / SAMPLE_RATE for _, fields in finals for word in fields["words"]]


def _lags(finals: Sequence[tuple[Heard, Mapping[str, Any]]]) -> list[float]:
    """Seconds from the end of the last word of each final to the final."""
    return [
        one.samples / SAMPLE_RATE + one.after_seconds - fields["words"][-1][2] / SAMPLE_RATE
        for one, fields in finals
        if fields["words"]
    ]


def _placed(role: str, was: Sequence[float], now: Sequence[float]) -> Iterator[Drift]:
    """Where the same words lie now."""
    if len(was) != len(now):
        yield Drift(role, "words timed", str(len(was)), str(len(now)))
    elif far := [(a, b) for a, b in zip(was, now, strict=True) if abs(a - b) > PLACE_SECONDS]:
        yield Drift(role, "place of a word", f"{far[0][0]:.2f} s", f"{far[0][1]:.2f} s")


def _later(role: str, what: str, was: Sequence[float], now: Sequence[float]) -> Iterator[Drift]:
    """A median that grew or shrank by more than luck."""
    if not was or not now:
        return
    before, after = statistics.median(was), statistics.median(now)
    low, high = sorted((before, after))
    factor = LATER_FACTOR if min(len(was), len(now)) >= FEW else FEWS_FACTOR
    if high - low > LATER_SECONDS and high > factor * low:
        yield Drift(role, what, f"{before * 1000:.0f} ms", f"{after * 1000:.0f} ms")


def _tools(answers: Sequence[Answered]) -> list[str]:
    pieces = itertools.chain.from_iterable(one.pieces for one in answers)
    return [call["name"] for _, told in pieces for call in told.get("tool_calls", ())]


def _loudness(cassette: Cassette, rate: int, said: Sequence[Spoke]) -> float | None:
    speech = cassette.speech
    pcm = b"".join(bytes(speech[one.begins : one.begins + one.bytes]) for one in said)
    return loudness_db(pcm, rate)


_COMPARED = dict(zip(ROLES, (_ears, _mind, _mouth), strict=True))
