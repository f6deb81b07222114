"""Takes and votes in, HTML out: voices side by side, two of them blind, who was preferred."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from bench.app.page.bars import NO_BREAK, duration
from bench.app.page.voices_tab_takes import BARS, Comparison, Figures, Take
from bench.app.page.voices_tab_votes import Ballot, Trial, Voted

FILES = "../voices"  # beside the page, wherever that is served
NOTHING = '<p class="tb-quiet">Choose voices and press Compare.</p>'
NOT_BLIND_YET = (
    '<p class="tb-quiet">When at least two voices have spoken, hear two of them as A and B without '
    "knowing which is which, both at the level of the softer one.</p>"
)
SIMULATED = (
    "<p class='tb-simulated'><b>Simulated voices</b> are tones; how long they take is drawn from a "
    "model of each vendor’s, not measured here.</p>"
)
COLUMNS = (
    "First audible sound",
    "Real-time factor",
    "Length",
    "Loudness",
    "Price of 1000 characters",
)
DOING = {"waiting": "waits for its turn", "speaking": "speaks …"}
WAVE_HEIGHT = 32
MINUS = "\N{MINUS SIGN}"


def results(comparison: Comparison | None) -> str:
    """Every voice of a comparison in a row, and how far it is."""
    if comparison is None:
        return NOTHING
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Voice", "Sound", *COLUMNS))
    rows = "".join(_row(take) for take in comparison.takes)
    simulated = any(take.candidate.simulated for take in comparison.takes)
    return (
        f"{_progress(comparison)}<blockquote class='tb-sentence-said'>{escape(comparison.text)}"
        f"</blockquote><table class='tb-voices'><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
        f"</table>{SIMULATED if simulated else ''}{_sources(comparison.made)}"
    )


def blind(ballot: Ballot, revealed: Voted | None, labels: Mapping[str, str]) -> str:
    """The two that wait for a vote; else what the last vote was about."""
    if ballot.trial is not None:
        return _trial(ballot.trial)
    return NOT_BLIND_YET if revealed is None else _revealed(revealed, labels)


def tally(ballot: Ballot, labels: Mapping[str, str]) -> str:
    """A row for each pair of voices that was voted on."""
    pairs = ballot.tally()
    if not pairs:
        return ""
    rows = "".join(
        f"<tr><td>{_named(first, labels)}</td><td>{one}</td><td>{neither}</td><td>{other}</td>"
        f"<td>{_named(second, labels)}</td></tr>"
        for (first, second), (one, other, neither) in pairs.items()
    )
    names = ("Voice", "preferred", "no difference", "preferred", "Voice")
    head = "".join(f"<th scope='col'>{name}</th>" for name in names)
    return (
        f"<h3>Votes so far</h3><div class='tb-scroll'><table class='tb-tally'><thead><tr>{head}"
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _progress(comparison: Comparison) -> str:
    whole = len(comparison.takes)
    done = sum(take.state in ("done", "failed") for take in comparison.takes)
    failed = sum(take.state == "failed" for take in comparison.takes)
    told = f"{done - failed} of {whole} have spoken"
    if failed:
        told += f", {failed} could not"
    if comparison.stopped:
        told += "; stopped"
    bar = f'<progress max="{whole}" value="{done}" aria-label="voices"></progress>'
    bar = "" if done == whole else bar
    return f'<div class="tb-progress" role="status">{bar}<span>{told}.</span></div>'


def _row(take: Take) -> str:
    candidate = take.candidate
    badge = " <small class='tb-badge'>simulated</small>" if candidate.simulated else ""
    name = f"{escape(candidate.label.removeprefix('simulated · '))}{badge}"
    if take.state == "done" and take.figures is not None:
        play = _button(take.sound, f"Play {candidate.label}", "▶")
        cells = "".join(
            f"<td data-label='{label}'>{value}</td>"
            for label, value in zip(COLUMNS, _figures(take, take.figures), strict=True)
        )
        return (
            f"<tr data-state='done' data-row><th scope='row'><div>{play}<span>{name}</span></div>"
            f"</th><td class='tb-wave'>{_wave(take.figures)}</td>{cells}</tr>"
        )
    told = escape(take.why) if take.state == "failed" else DOING[take.state]
    kind = "tb-problem" if take.state == "failed" else "tb-quiet"
    return (
        f"<tr data-state='{take.state}'><th scope='row'><div><span>{name}</span></div></th>"
        f"<td colspan='{len(COLUMNS) + 1}'><p class='{kind}'>{told}</p></td></tr>"
    )


def _sources(made: Sequence[Take]) -> str:
    """Who says what a voice costs."""
    cited: dict[str, None] = {}
    for take in made:
        if take.price is not None and take.price.usd:
            cited[take.price.source] = None
    told = "; ".join(cited)
    return f"<p class='tb-prices'>List prices: {escape(told)}.</p>" if told else ""


def _figures(take: Take, figures: Figures) -> Sequence[str]:
    factor, loudness = figures.real_time_factor, figures.loudness_db
    usd = take.price.usd if take.price is not None else None
    return (
        duration(figures.audible_seconds),
        "–" if factor is None else f"{factor:.2f}",
        f"{figures.seconds:.1f}{NO_BREAK}s",
        "–" if loudness is None else f"{loudness:.1f}{NO_BREAK}dBFS".replace("-", MINUS),
        "unknown" if usd is None else f"${usd:.3f}" if usd else "free",
    )


def _button(sound: str, label: str, text: str) -> str:
    return (
        f"<button type='button' class='tb-play' data-sound='{FILES}/{escape(sound)}' "
        f"aria-label='{escape(label)}' aria-pressed='false'>{text}</button>"
    )


def _wave(figures: Figures) -> str:
    middle = WAVE_HEIGHT / 2
    path = "".join(
        f"M{place + 0.5:g} {middle - height:.1f}V{middle + height:.1f}"
        for place, bar in enumerate(figures.bars)
        if (height := max(0.5, bar * (middle - 1)))
    )
    return (
        f"<svg viewBox='0 0 {BARS} {WAVE_HEIGHT}' preserveAspectRatio='none' role='img' "
        f"aria-label='waveform of {figures.seconds:.1f} seconds'><path d='{path}'/></svg>"
    )


def _trial(trial: Trial) -> str:
    buttons = "".join(
        f"<div class='tb-blind' data-row>{_button(sound, f'Play {name}', f'▶ {name}')}</div>"
        for name, sound in zip("AB", trial.sounds, strict=True)
    )
    return f"<p>Which one would you rather listen to?</p><div class='tb-blinds'>{buttons}</div>"


def _revealed(voted: Voted, labels: Mapping[str, str]) -> str:
    preferred = (
        f"You preferred {_named(voted.preferred, labels)}."
        if voted.preferred
        else "You heard no difference."
    )
    return (
        f"<p role='status'>A was <b>{_named(voted.a, labels)}</b>, B was "
        f"<b>{_named(voted.b, labels)}</b>. {preferred}</p>"
    )


def _named(name: str, labels: Mapping[str, str]) -> str:
    return escape(labels.get(name, name))
