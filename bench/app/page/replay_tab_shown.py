"""Jobs and results in, HTML out: how far a replay is, its verdicts, and one run looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from bench.app.page.replay_tab_jobs import Job
from bench.app.page.replay_tab_library import Shelf
from bench.app.page.replay_tab_results import REPORT, Across, CutOff, Desk, Picture, Result
from bench.replay.runs import Verdict

FILES = "../replay"  # beside the page, wherever that is served
SIMULATED = (
    "<b>Simulated providers.</b> Their latencies and errors are drawn from a model of each, not "
    "measured here: a figure says how the pipeline behaves with such a provider, not how good the "
    "provider is."
)
NONE_FOUND = (
    "No scenario was found. <code>talkbench scenario new scenarios/my-first.yaml</code> writes one "
    "to begin with, and <code>talkbench scenario render scenarios</code> speaks its lines; then "
    "open this tab again."
)
NO_RESULTS = '<p class="tb-quiet">No replay yet. Choose scenarios and press Run.</p>'
WORDS = {"pass": "passed", "fail": "failed", "inconclusive": "inconclusive", "void": "void"}
MOST_VERDICTS = 3  # in a row of the table; the run itself shows all


def found(shelf: Shelf) -> str:
    """What was found, and what is wrong with the rest."""
    wrong = "".join(f"<li>{escape(message)}</li>" for message in shelf.wrong)
    problems = f'<div class="tb-problem">Left out:<ul>{wrong}</ul></div>' if wrong else ""
    return (f"<p>{NONE_FOUND}</p>" if not shelf.scenarios else "") + problems


def progress(job: Job | None) -> str:
    """How far a job is, in a bar and in words."""
    if job is None:
        return ""
    played, whole = len(job.desk.results), len(job.tasks)
    share = f'<progress max="{whole}" value="{played}" aria-label="runs played"></progress>'
    return f'<div class="tb-progress" role="status">{share}<span>{_said(job)}</span></div>'


def _said(job: Job) -> str:
    played, whole = len(job.desk.results), len(job.tasks)
    match job.state:
        case "waiting" if job.before:
            return f"Busy: {job.before} replay{'s' * (job.before != 1)} before yours."
        case "waiting":
            return "Yours is next."
        case "playing":
            now = escape(job.tasks[min(played, whole - 1)].scenario.id)
            return f"{played} of {whole} played · now: {now}"
        case "stopped":
            return f"Stopped after {played} of {whole}."
        case "late":
            return f"Ended after {played} of {whole}: it took too long."
        case "failed":
            return f"Ended after {played} of {whole}: {escape(job.why)}."
        case "done":
            return f"{whole} played: {_sum(job.desk.results)}."


def _sum(results: Sequence[Result]) -> str:
    statuses = [result.status for result in results]
    counted = [(statuses.count(status), word) for status, word in WORDS.items()]  # type: ignore[arg-type]
    return ", ".join(f"{count} {word}" for count, word in counted if count)


def table(desk: Desk) -> str:
    """The verdicts, a row a run; each row's button chooses it."""
    if not desk.results:
        return NO_RESULTS
    heads = ("Scenario", "Result", "Stack", "Repeat", "What does not hold")
    head = "".join(f"<th scope='col'>{name}</th>" for name in heads)
    rows = "".join(_row(result, desk.chosen == result.name) for result in desk.results)
    return (
        f"<div class='tb-scroll tb-verdicts'><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>{_across(desk.across)}"
    )


def _across(across: Sequence[Across]) -> str:
    said = "".join(
        f"<li>{_status(each.verdict.status)} {escape(each.scenario)} · {escape(each.stack)} · "
        f"{_verdict(each.verdict)}</li>"
        for each in across
    )
    return f"<div class='tb-across'><b>Across repeats</b><ul>{said}</ul></div>" if said else ""


def _row(result: Result, chosen: bool) -> str:
    task = result.task
    current = " aria-current='true'" if chosen else ""
    broken = "".join(f"<div>{_verdict(each)}</div>" for each in result.failed[:MOST_VERDICTS])
    if (more := len(result.failed) - MOST_VERDICTS) > 0:
        broken += f"<div>… and {more} more</div>"
    return (
        f"<tr data-run='{result.name}'{current}><td><button type='button'>"
        f"{escape(task.scenario.id)}</button></td><td>{_status(result.status)}</td>"
        f"<td>{escape(task.stack.name)}</td><td>{task.repeat + 1}</td>"
        f"<td>{escape(result.void) or broken}</td></tr>"
    )


def _status(status: str) -> str:
    return f"<span class='tb-verdict' data-status='{status}'>{WORDS[status]}</span>"


def _verdict(verdict: Verdict) -> str:
    wanted = f", wanted {escape(verdict.wanted)}" if verdict.wanted else ""
    return f"{escape(verdict.expectation)}: {escape(verdict.got) or 'no data'}{wanted}"


def detail(result: Result | None, *, note: str = "") -> str:
    """One run: its sound, its pictures, its verdicts, its files. `note` stands for the pictures
    while they are drawn, or when they cannot be."""
    if result is None:
        return ""
    task = result.task
    parts = [
        f"<h3>{escape(task.scenario.title or task.scenario.id)}</h3>",
        f"<p>{_status(result.status)} {escape(task.stack.name)} · repeat {task.repeat + 1} · "
        f"seed {task.seed} · virtual time</p>",
        f"<p class='tb-simulated'>{SIMULATED}</p>" if task.stack.simulated else "",
    ]
    if result.run is None:
        parts.append(f"<p class='tb-problem'>{escape(result.void)}</p>")
    else:
        parts += [_sound(result), f"<p class='tb-quiet'>{escape(note)}</p>" if note else ""]
        parts += [_picture(result, picture) for picture in result.pictures or ()]
        parts += [
            _cut_offs(result.cut_offs),
            _verdicts(result.verdicts),
            _assumed(result.assumptions),
            _files(result),
        ]
    return f'<div class="tb-run tb-words">{"".join(parts)}</div>'


def _sound(result: Result) -> str:
    return (
        f"<audio controls preload='metadata' src='{_url(result, 'audio.wav')}' "
        "aria-label='the conversation in stereo'></audio>"
        "<p class='tb-quiet'>Left: the caller, as the bot received it. Right: the bot, as the "
        "listener heard it.</p>"
    )


def _picture(result: Result, picture: Picture) -> str:
    narrow = "" if picture.file == "timeline.png" else " class='tb-narrow'"
    return (
        f"<figure{narrow}><figcaption>{escape(picture.title)}</figcaption>"
        f"<img src='{_url(result, picture.file)}' alt='{escape(picture.told)}'></figure>"
    )


def _cut_offs(cut_offs: Sequence[CutOff]) -> str:
    if not cut_offs:
        return ""
    said = "".join(f"<li>{_cut_off(each)}</li>" for each in cut_offs)
    return f"<h4>Cut off: what was heard, and what was not</h4><ul>{said}</ul>"


def _cut_off(cut: CutOff) -> str:
    rest = cut.intended.removeprefix(cut.heard)
    told = "" if cut.context == cut.heard else f" The agent was told: “{escape(cut.context)}”."
    return f"{escape(cut.heard)}<s class='tb-unheard'>{escape(rest)}</s>{told}"


def _verdicts(verdicts: Iterable[Verdict]) -> str:
    rows = "".join(
        f"<tr><td>{_status(each.status)}</td><td>{escape(each.expectation)}</td>"
        f"<td>{escape(each.wanted)}</td><td>{escape(each.got)}</td><td>{escape(each.why)}</td></tr>"
        for each in verdicts
    )
    if not rows:
        return "<p>Nothing was expected of this run.</p>"
    head = "".join(f"<th scope='col'>{n}</th>" for n in ("", "Expectation", "Wanted", "Got", ""))
    return (
        f"<div class='tb-scroll'><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _assumed(assumptions: Sequence[str]) -> str:
    if not assumptions:
        return ""
    said = "".join(f"<li>{escape(each)}</li>" for each in assumptions)
    return f"<details><summary>What of the model is assumed</summary><ul>{said}</ul></details>"


def _files(result: Result) -> str:
    id = escape(result.task.scenario.id)
    kinds = {
        REPORT: ("Report on all of these runs (HTML)", "talkbench-replay"),
        "audio.wav": ("Sound (stereo WAV)", id),
        "trace.jsonl": ("Trace (JSONL)", id),
    }
    links = "".join(
        f"<a href='{_url(result, file)}' download='{name}{file[file.index('.') :]}'>{label}</a>"
        for file, (label, name) in kinds.items()
    )
    return f"<p class='tb-files'>{links}</p>"


def _url(result: Result, file: str) -> str:
    return f"{FILES}/{result.name}/{file}"
