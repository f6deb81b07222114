"""A run in, its part of the page out: verdicts, recording, pictures, words, figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from bench.metrics.reading import read
from bench.replay.runs import Run, Verdict
from bench.report import charts
from bench.report.charts.words import marked
from bench.report.columns import STAGES
from bench.report.markup import Markup, joined, number, table, tag
from bench.report.picking import column, records
from bench.report.pictures import clickable, picture
from bench.report.sound import recorded_seconds, recording
from bench.report.tidy import Frames, frames

STRETCH_SECONDS = 60.0  # of one timeline
MOST_STRETCHES = 6
SECONDS_AN_INCH = 2.6
MOST_TURNS = 20
FIGURES = ("v2v", *STAGES)


def anchor(place: int) -> str:
    """The fragment of the page that leads to a run."""
    return f"run-{place}"


def status_mark(status: str) -> Markup:
    """A status in its colour, and in words."""
    return tag("span", status, class_=f"status {status}")


def verdict_table(verdicts: Iterable[Verdict]) -> Markup:
    """Expectations and what became of them, the worst first."""
    order = ("fail", "void", "inconclusive", "pass")
    ordered = sorted(verdicts, key=lambda verdict: order.index(verdict.status))
    rows = [
        (status_mark(v.status), v.expectation, v.wanted, v.got or "no data", v.why) for v in ordered
    ]
    return table(["", "expectation", "wanted", "got", ""], rows)


def run_section(run: Run, place: int, *, with_audio: bool, drawn: bool) -> Markup:
    """A run, folded; without pictures or recording it says that they were left out."""
    failed = sum(verdict.status == "fail" for verdict in run.verdicts)
    summary = tag(
        "summary",
        status_mark(run.status),
        tag("strong", run.scenario.id),
        tag("span", f"{run.stack.name}, repeat {run.repeat}", class_="faint"),
        tag("span", f"{failed} of {len(run.verdicts)} expectations failed") if failed else None,
    )
    tables = frames([run])
    inside = tag(
        "div",
        *_told(run),
        verdict_table(run.verdicts) if run.verdicts else tag("p", "Nothing was expected of it."),
        _audio(run, with_audio=with_audio),
        *(_pictures(run, tables) if drawn else [tag("p", _LEFT_OUT, class_="faint")]),
        *_words(tables),
        *_turns(tables),
        *_history(run),
        class_="inside",
    )
    return tag("details", summary, inside, class_="run", id=anchor(place))


_LEFT_OUT = "Pictures left out: this page draws those runs first that did not pass."


def _told(run: Run) -> Iterator[Markup]:
    if run.void:
        yield tag("p", f"Counts for nothing: {run.void}", class_="note")
    if run.scenario.title:
        yield tag("p", run.scenario.title)
    said = f"seed {run.seed} · {run.clock} clock · trace {run.digest}"
    yield tag("p", said + " · simulated" * run.simulated, class_="faint")


def _audio(run: Run, *, with_audio: bool) -> Markup:
    seconds = recorded_seconds(run)
    if not seconds:
        return tag("p", "There is no recording.", class_="faint")
    if not with_audio:
        where = "; it is audio.wav in the run's folder" * (run.folder is not None)
        text = f"The recording of {seconds:.0f} s was left out to keep the page small{where}."
        return tag("p", text, class_="faint")
    label = f"Recording of {run.name}: user left, bot right"
    player = tag("audio", controls=True, preload="metadata", src=recording(run), aria_label=label)
    hint = (
        "The user is on the left, the bot on the right. A click on the timeline plays from there."
    )
    return joined([player, tag("p", hint, class_="faint")])


def _pictures(run: Run, tables: Frames) -> Iterator[Markup]:
    yield tag("h3", "Timeline")
    yield from _timelines(run)
    if len(tables.spans):
        turns = min(MOST_TURNS, len(tables.turns))
        yield tag("h3", "Where the time went")
        draw = partial(charts.waterfall, tables.spans, most=MOST_TURNS)
        alt = f"Stages of {turns} turns, in seconds after the end of the user's speech."
        yield picture(draw, alt, 8, 1.3 + 0.62 * turns)
    if not all(column(tables.partials, "final")):
        yield tag("h3", "How the words came to stand")
        draw = partial(charts.staircase, tables.partials, words=tables.words)
        yield picture(
            draw, "Each word of the longest utterance, from its first partial on.", 8, 3.2
        )


def _timelines(run: Run) -> Iterator[Markup]:
    told = read(run.trace)
    began, ended = told.span
    origin = told.mic_at or 0.0
    parts = _stretches(began, ended)
    for since, until in parts[:MOST_STRETCHES]:
        wide = max(8.0, (until - since) / SECONDS_AN_INCH)
        draw = partial(charts.timeline, run, since=since, until=until)
        alt = f"Both voices and all words from second {since:.0f} to second {until:.0f}."
        yield clickable(draw, alt, wide, 4.3, since - origin, until - origin)
    if len(parts) > MOST_STRETCHES:
        left_out = f"Not drawn: what came after second {parts[MOST_STRETCHES][0]:.0f}."
        yield tag("p", left_out, class_="faint")


def _stretches(began: float, ended: float) -> list[tuple[float, float]]:
    """Parts of about a minute, all of the same length."""
    count = max(1, round((ended - began) / STRETCH_SECONDS))
    edges = [began + (ended - began) * k / count for k in range(count + 1)]
    return list(pairwise(edges))


def _words(tables: Frames) -> Iterator[Markup]:
    """The answers that were cut off: heard, in the history, to be said."""
    cut = [row for row in records(tables.interrupts) if row["cut_off"]]
    if cut:
        yield tag("h3", "Cut off")
    for row in cut:
        heard, context, full = (row[name].split() for name in ("heard", "context", "intended"))
        rows = [
            ("heard", _marked(heard, context, "missing")),
            ("history", _marked(context, heard, "believed")),
            ("to be said", _marked(full, heard, "never")),
        ]
        yield table([row["step"] or "cut off", _error(row["error_words"])], rows, class_="words")


def _marked(words: Sequence[str], known: Sequence[str], name: str) -> Markup:
    pieces = (
        joined([word if shared else tag("span", word, class_=name), " "])
        for word, shared in marked(words, known)
    )
    return tag("td", *pieces)


def _error(words: float) -> str:
    if words != words:
        return "what was heard is not known"
    if not words:
        return "the history holds just what was heard"
    more = "more" if words > 0 else "fewer"
    return (
        f"the history holds {abs(words):.0f} word{'s' * (abs(words) != 1)} {more} than were heard"
    )


def _turns(tables: Frames) -> Iterator[Markup]:
    rows = [
        [
            number(row["turn"]),
            row["said"],
            joined([row["heard"], tag("span", " …", class_="never") if row["cut_off"] else None]),
            *(_milliseconds(row[f"{name}_seconds"]) for name in FIGURES),
        ]
        for row in records(tables.turns)
    ]
    if rows:
        yield tag("h3", "Turns, in milliseconds")
        names = [name.replace("_", " ") for name in FIGURES]
        yield table(["turn", "understood", "answer, as heard", *names], rows)
    missed = [row for row in records(tables.steps) if row["missed"]]
    for row in missed:
        yield tag("p", f"Step {row['step']} was never played: {row['missed']}.", class_="note")


def _milliseconds(seconds: float) -> Markup:
    return number("–" if seconds != seconds else f"{1000 * seconds:.0f}".replace("-", "−"))


def _history(run: Run) -> Iterator[Markup]:
    """The history as the agent has it."""
    if not run.messages:
        return
    rows = [
        (
            message.get("sender", ""),
            message.get("text", ""),
            "cut" * bool(message.get("interrupted")),
        )
        for message in run.messages
    ]
    yield tag("h3", "The history at the end")
    yield table(["", "", ""], rows)
