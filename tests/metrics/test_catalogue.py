"""One table: names, definitions, functions, and the page that is printed from it."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from bench.metrics.catalogue import SECTIONS, catalogue
from bench.metrics.document import markdown
from bench.trace import Trace
from tests.metrics.scripts import ASKS, HOURS, sounds, trace

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
ALWAYS = {"underrun_n", "underrun"}  # no gap is a count of gaps

NAMES = """
v2v v2v_content endpoint_delay commit_gap ttft flush_gap tts_queue ttfb ttfa lead_silence out_buffer
vart ttfs ttfp stt_lag tool_time response_rate early_share late_share rtf_tts first_turn_penalty
stop_lat stop_censored detect decide flush resume_lat post_int_lat yield_rate missed_int false_int
spurious_resp resume agent_int_rate overlap talk_over cut cut_words cutoff_err_words
phantom_ctx_chars playout_vs_sent cutoff_exact cutoff_pm1 truth_wer entity_acc orphan_final
truth_wer_partial upwr flicker prefix_ok settle user_perceived_lat underrun_n underrun talk_ratio
silence_share longest_silence turns_per_min words_per_turn clip snr_db loudness_db cost_min
waste_share
""".split()


def test_the_catalogue_holds_these_metrics() -> None:
    assert list(catalogue()) == NAMES
    assert {row.section for row in catalogue().values()} == set(SECTIONS)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_without_data_is_empty_and_never_zero(name: str) -> None:
    row = catalogue()[name]
    assert inspect.getdoc(row.function)
    if row.values is not None and name not in ALWAYS:
        assert row.values(Trace()) == ()


def test_values_are_those_of_the_trace() -> None:
    found = trace(ASKS, sounds(1, 1, HOURS, 3.0, 7.0))
    values = {name: row.values(found) for name, row in catalogue().items() if row.values}
    assert values["v2v"] == pytest.approx((1.0,))
    assert values["response_rate"] == (1.0,)
    assert values["truth_wer"] == (0.0,)
    assert values["late_share"] == (0.0,)
    assert values["stop_lat"] == ()


def test_the_page_is_the_table_s() -> None:
    page = ROOT / "docs" / "metrics.md"
    assert page.read_text("utf-8") == markdown(), "python -m bench.metrics > docs/metrics.md"
    assert "(metrics.md)" in (ROOT / "docs" / "index.md").read_text("utf-8")


def test_metrics_need_the_standard_library_only() -> None:
    told = "import sys, bench.metrics.catalogue, bench.metrics.figures, bench.metrics.gates\n"
    told += "print(*{n.partition('.')[0] for n in sys.modules} & {'numpy', 'pandas', 'scipy'})"
    ran = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, check=True)
    assert ran.stdout.strip() == b""
