"""The catalogue in, `docs/metrics.md` out."""

from __future__ import annotations

from bench.metrics.catalogue import SECTIONS, catalogue
from bench.metrics.metric import Metric

OPENING = """\
# What is measured, and how

Every figure is a pure function of the trace. `python -m bench.metrics` prints this page from the
catalogue in `bench/metrics/catalogue.py`; a test compares the two.

**Truth.** `u_on` and `u_off` are the first audible sample of what the user says, at the bot's
input, and one past the last; they come from the script, never from a detector. `p_on` and `p_stop`
are the bot's first and last audible sample (10 ms frames above -40 dBFS) at the loudspeaker; they
come from the playout. What the pipeline says of itself serves for everything between. A
conversation without a script has no truth: its `v2v` goes by the detector's word and the player's
reports, and is marked so (`truth` is false); what cannot be known without truth is not given.

**The sum.** `v2v = endpoint_delay + commit_gap + ttft + flush_gap + tts_queue + ttfa + out_buffer`,
in every turn in which all are known.

**No data is no pass.** A figure without data is missing, never 0, and an expectation on it fails. A
step that was not played is in no denominator. A stop that was not seen is censored: its lower bound
is kept and no number is invented.

**Units.** Seconds here and in Python; files and tables say `v2v_ms` for the same times 1000.
Latencies are signed and never clamped.

**What belongs to what.** A turn belongs to each step of which it holds words: a word that carries
its place to the step in whose sound it lies (0.2 s more or less), one without to the newest step
that had begun when it arrived, if that was over for less than 8 s. The end of the user's speech is
that of the turn's last step, also where the turn was committed earlier. A stop belongs to the step
that sounded last when the bot was held for good, or else when the interrupt was decided; a pause
that a cough began and the words of the next step decided belongs to the words; a cut in the answer
to a step that was over, by its own late words or by an echo, belongs to none. An answer is what the
bot says in the turn after its commit.
"""

CLOSING = """\
## Not measured

- `v2v_ingress`, `jitter_p95` and `chunk_lead_min`: the trace does not say when each packet of audio
  came. `out_buffer` holds the wait that a client's buffer makes.
- Loudness is not weighted by frequency (LUFS), since that takes filters whose exactness nobody here
  needs: it compares voices.
- `entity_acc` knows numbers; names and dates it does not.
- Semantic word errors and judged quality: a gate must give the same verdict twice.

## How sure

`bench.metrics.statistics` and `bench.metrics.comparison`, with nothing beyond the standard library:

- **a quantile of one system**: two of the values, by the binomial distribution of ranks; it takes 6
  values for the median, 29, 59 and 299 for p90, p95 and p99.
- **a share**: Wilson's interval; none of n failed: at most 3/n (95 %).
- **a latency against another**: Hodges-Lehmann shift of paired log ratios; bootstrap over
  scenarios, percentiles expanded below 30 of them; sign-flip permutation.
- **a quantile against another**: the difference over the same resamples; labels exchanged within
  pairs.
- **a share against another**: Newcombe's interval, paired or not; exact McNemar.
- **stops, some of them censored**: Kaplan-Meier with Greenwood's band; restricted mean.
- **many at once**: Holm.
- **pass or fail**: `bench.metrics.gates`: all of the interval below the margin passes, all above
  fails, else it cannot be told, and how many observations would.
"""


def markdown() -> str:
    """The whole page."""
    rows = catalogue().values()
    parts = [OPENING]
    for section, title in SECTIONS.items():
        own = [row for row in rows if row.section == section]
        parts.append("\n".join([f"## {title}", "", *_HEAD, *map(_line, own), ""]))
    return "\n".join([*parts, CLOSING])


_HEAD = ("| name | unit | one a | definition | as in | function |", "|---|---|---|---|---|---|")


def _line(row: Metric) -> str:
    module = row.function.__module__.removeprefix("bench.metrics.")
    where = f"`{module}.{row.function.__name__}`"
    return f"| `{row.name}` | {row.unit} | {row.per} | {row.definition} | {row.origin} | {where} |"
