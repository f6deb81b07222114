"""A run in, a verdict on every expectation out.

What was not played fails, or is void where the script says that it may be left out; what has no
data fails; a rate of too few events is inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from bench.metrics.figures import RunFigures, Said, StepFigures, step_figures
from bench.metrics.reading import Reading
from bench.replay import evidence
from bench.replay.expectations_table import Metric, metric
from bench.replay.operands import Finding, check, figure, limits_shown, quoted, within
from bench.replay.runs import Run, Status, Verdict
from bench.replay.scenario import Expectation, Step
from bench.truths import StepMissed


def judge(run: Run) -> list[Verdict]:
    """The verdicts on a run by itself: its script, then its expectations in the file's order.

    What is expected of a step that was skipped is void. A step that should have been played and was
    not fails, and so does everything that is expected of it.
    """
    told = Reading(run.trace)
    missed = {fact.step: fact for fact in run.trace.of(StepMissed)}
    played = {step.step for step in told.steps}
    verdicts = list(_script(run, played, missed))
    steps: dict[str, StepFigures] = {}
    whole: RunFigures | None = None
    for expected in run.scenario.expect:
        if expected.where == "run":
            whole = whole or evidence.figures_of(run, told)
            verdicts.append(_of_run(expected, run, whole))
        elif expected.where == "step":
            if expected.step not in steps:
                steps[expected.step] = step_figures(told, expected.step)
            figures = steps[expected.step]
            verdicts += _of_step(expected, run, told, figures, missed.get(expected.step))
    return verdicts


def judge_across(runs: Sequence[Run]) -> list[Verdict]:
    """The verdicts on the repeats of one scenario with one stack, which must be judged already.

    Runs that are void count for nothing here.
    """
    if not runs:
        return []
    counted = [run for run in runs if not run.void]
    expect = [expected for expected in runs[0].scenario.expect if expected.where == "across"]
    figures = [evidence.figures_of(run) for run in counted] if expect else []
    statuses: list[Status] = [run.status for run in counted]
    return [_across(expected, figures, statuses) for expected in expect]


# The script


def _script(run: Run, played: set[str], missed: Mapping[str, StepMissed]) -> Iterator[Verdict]:
    """A failure for every step that should have been played and was not."""
    for step in run.scenario.script:
        fact = missed.get(step.id)
        if step.id in played or (fact is not None and fact.policy != "fail"):
            continue
        why = fact.reason if fact is not None else "the script ended before"
        yield Verdict(f"script.{step.id}", "fail", _anchor(step), "it never came", why)


def _anchor(step: Step) -> str:
    """Where a step is to begin, in words."""
    at = step.at
    where = {
        "time": "at its time",
        "bot_starts": "when the bot begins to speak",
        "bot_ends": "when the bot has ended",
        "bot_word": f"after word {at.word} of the bot's answer",
        "after": f"after step {at.step}",
        "user_word": f"after word {at.word} of step {at.step}",
        "event": f"after {at.event}",
    }[at.kind]
    offset = f" {at.seconds:+g} s" if at.seconds else ""
    return f"begins {where}{offset}, within {step.timeout_seconds:g} s"


# One step, one run


def _of_step(
    expected: Expectation,
    run: Run,
    told: Reading,
    figures: StepFigures,
    missed: StepMissed | None,
) -> Iterator[Verdict]:
    row = metric("step", expected.metric)
    if row.modifies == "heard":
        return  # judged with what it modifies
    if row.name == "missed":
        yield _verdict(expected, check(row, expected.wanted, missed is not None))
    elif not figures.played:
        yield _not_played(expected, missed)
    elif row.name in ("bot_says", "between_s"):
        yield _verdict(expected, _says(expected, run, row, figures.says))
    else:
        yield _verdict(expected, _known(expected, run, row, told, figures))


def _not_played(expected: Expectation, missed: StepMissed | None) -> Verdict:
    why = missed.reason if missed is not None else "the script ended before"
    skipped = missed is not None and missed.policy == "skip"
    return Verdict(expected.name, "void" if skipped else "fail", "", "the step was not played", why)


def _known(
    expected: Expectation, run: Run, row: Metric, told: Reading, figures: StepFigures
) -> Finding:
    got = evidence.of_step(told, figures, row.name)
    tolerance = 0
    if row.name == "heard":
        tolerance = int(_also(expected, run, "heard_tolerance_words") or 0)
    finding = check(row, expected.wanted, got, tolerance=tolerance)
    if got is None:
        return _because(finding, evidence.why_none(figures, row.name))
    if finding.status == "fail":
        return _because(finding, _why(row, told, figures))
    if row.name == "resume" and expected.wanted and figures.aftermath != "resumes":
        return Finding("fail", finding.wanted, str(figures.aftermath), "not from where it was")
    return finding


def _why(row: Metric, told: Reading, figures: StepFigures) -> str:
    """What the reader of a failure wants to know next."""
    if row.name == "context_equals_heard":
        heard, context = evidence.cut_texts(told, figures)
        return f"heard {quoted(heard or '')}, context {quoted(context or '')}"
    if row.name == "replies" and figures.reply:
        return f"it says {quoted(figures.reply)}"
    if row.name == "user_turns" and figures.transcript is not None:
        return f"understood {quoted(figures.transcript)}"
    if row.name == "resume":
        return "" if figures.aftermath is None else f"the bot {figures.aftermath}"
    return ""


def _because(finding: Finding, why: str) -> Finding:
    reasons = [reason for reason in (finding.why, why) if reason]
    return Finding(finding.status, finding.wanted, finding.got, "; ".join(reasons))


def _says(expected: Expectation, run: Run, row: Metric, says: Sequence[Said]) -> Finding:
    """Of all that the bot says, one utterance must match; `between_s` is of the one that does."""
    wanted = _also(expected, run, "bot_says")
    match = metric("step", "bot_says")
    found = next((s for s in says if check(match, wanted, s.text).status == "pass"), None)
    if row.name == "between_s":
        return check(row, expected.wanted, found.after if found is not None else None)
    lacking = "lacks" in cast(Mapping[str, str], wanted)
    text = evidence.joined(says) if found is None or lacking else found.text
    return check(match, wanted, text)


def _also(expected: Expectation, run: Run, name: str) -> Any:
    """What else is expected of the same step; None when that is nothing."""
    return next(
        (e.wanted for e in run.scenario.expect if (e.step, e.metric) == (expected.step, name)),
        None,
    )


def _of_run(expected: Expectation, run: Run, figures: RunFigures) -> Verdict:
    row = metric("run", expected.metric)
    return _verdict(
        expected, check(row, expected.wanted, evidence.of_run(figures, run.trace, row.name))
    )


# Many runs


def _across(
    expected: Expectation, figures: Sequence[RunFigures], statuses: Sequence[Status]
) -> Verdict:
    row = metric("across", expected.metric)
    if row.kind == "spread":
        return _verdict(expected, check(row, expected.wanted, evidence.values(row.name, figures)))
    return _verdict(
        expected, _rate(row, expected.wanted, evidence.share(row.name, figures, statuses))
    )


def _rate(row: Metric, wanted: Any, share: evidence.Share) -> Finding:
    """A share of events, inconclusive when there were fewer than `min_events`."""
    limits = cast(Mapping[str, float], wanted)
    some, many = share
    shown = limits_shown({k: v for k, v in limits.items() if k != "min_events"}, row.unit)
    least = int(limits.get("min_events", 1))
    if many < least and "min_events" in limits:
        return Finding("inconclusive", shown, f"{some} of {many}", f"fewer than {least} events")
    if not many:
        return check(row, wanted, None)
    holds = within(limits, some / many)
    return Finding(
        "pass" if holds else "fail", shown, f"{figure(some / many, '')} ({some} of {many})"
    )


def _verdict(expected: Expectation, finding: Finding) -> Verdict:
    return Verdict(expected.name, finding.status, finding.wanted, finding.got, finding.why)
