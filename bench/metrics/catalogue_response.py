"""The metrics of the wait for an answer."""

from __future__ import annotations

from bench.metrics import response
from bench.metrics.metric import Metric, Row, Values, known, metrics, rate
from bench.metrics.reading import Readable
from bench.metrics.response import responses

_STAGES = {
    "v2v": (
        "voice to voice: `p_on` of the first utterance of the turn's answer less `u_off`; signed, "
        "below 0 when the bot began early",
        "EVA, tau-voice `L_R`, OpenBenchmarks TTFAB",
    ),
    "v2v_content": (
        "the same to the first 0.4 s or more of sound without a break, so that a filler does not "
        "count",
        "OpenBenchmarks `ttfab_content`",
    ),
    "endpoint_delay": (
        "commit of the turn less `u_off`; below 0 when it was committed before the user was done",
        "LiveKit `end_of_utterance_delay`, pipecat `user_turn_secs`",
    ),
    "commit_gap": (
        "request to the agent less commit: waiting for the last cut to settle, building context",
        "LiveKit `on_user_turn_completed_delay`",
    ),
    "ttft": (
        "first text of the answer less request; the agent gives speakable text only, so this is "
        "TTFAT too",
        "aiewf-eval",
    ),
    "flush_gap": (
        "first piece for the synthesizer less first text: waiting for a sentence, if it does",
        "pipecat's text aggregation",
    ),
    "tts_queue": ("request to the synthesizer less the piece it is for", "ours"),
    "ttfb": ("first audio of the answer less request to the synthesizer", "Coval"),
    "ttfa": (
        "`ttfb` and the inaudible beginning of that audio, by 10 ms frames above -40 dBFS",
        "Coval TTFA",
    ),
    "lead_silence": ("`ttfa` less `ttfb`", "aiewf-eval"),
    "out_buffer": (
        "`p_on` less the instant at which the first audible sample could have sounded: pacing, the "
        "way to the loudspeaker, its buffer",
        "ours",
    ),
    "vart": (
        "`p_on` less request to the agent: `ttft` and all that follows it",
        "Picovoice voice assistant response time",
    ),
    "ttfs": (
        "arrival of the turn's last final less `u_off`; signed",
        "pipecat stt-benchmark, Coval, LiveKit `transcription_delay`",
    ),
    "ttfp": (
        "arrival of the first partial less `u_on`; read it with `upwr`, since guessing early makes "
        "it short",
        "AssemblyAI emission latency",
    ),
    "stt_lag": (
        "audio sent less audio covered by the words of a transcript, at its arrival; the median "
        "over the turn's transcripts that carry the places of words",
        "Deepgram transcript latency",
    ),
    "tool_time": (
        "sum of the tool calls that returned within the turn; judge such turns by themselves",
        "EVA",
    ),
}


def _early(trace: Readable) -> Values:
    found = response.promptness(trace)
    return () if found is None else (found[0] / sum(found),)


def _late(trace: Readable) -> Values:
    found = response.promptness(trace)
    return () if found is None else (found[2] / sum(found),)


def _penalty(trace: Readable) -> Values:
    return known([response.first_turn_penalty([one.v2v for one in responses(trace)])])


_RATES: tuple[Row, ...] = (
    (
        "response_rate",
        "share",
        "steps that want an answer (turns and interrupts) and get one within 10 s",
        "tau-voice `R_R`, FD-Bench SRR",
        lambda trace: rate(response.response_rate(trace)),
        response.response_rate,
    ),
    (
        "early_share",
        "share",
        "answers that began before 0.2 s",
        "EVA labels",
        _early,
        response.promptness,
    ),
    (
        "late_share",
        "share",
        "answers that began after 2.75 s, or 4 s in a turn with a tool",
        "EVA labels",
        _late,
        response.promptness,
    ),
    (
        "rtf_tts",
        "ratio",
        "synthesis time over audio time, of turns whose calls all ended; a sentence that waits "
        "because enough is ahead counts, so it is an upper bound",
        "kyutai unmute loadtest",
        lambda trace: known([response.rtf_tts(trace)]),
        response.rtf_tts,
    ),
    (
        "first_turn_penalty",
        "ratio",
        "`v2v` of the first turn over the median of the later ones",
        "OpenBenchmarks",
        _penalty,
        response.first_turn_penalty,
    ),
)


def of_response() -> list[Metric]:
    """Every stage of an answer, and what a run makes of them."""
    stages = [_stage(name, *about) for name, about in _STAGES.items()]
    return [*stages, *metrics("response", "run", _RATES)]


def _stage(name: str, definition: str, origin: str) -> Metric:
    def values(trace: Readable) -> Values:
        return known(getattr(one, name) for one in responses(trace))

    return Metric(name, "s", "turn", "response", definition, origin, values, responses)
