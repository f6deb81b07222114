"""What people read on the page: words as they are, durations, bars, and the right session."""

import re

import pytest

from bench import clock
from bench.app.door import Door
from bench.app.limits import Limits
from bench.app.page.bars import bar, duration, stages_of
from bench.app.page.chat import literally, messages
from bench.app.page.latency import NOTHING, latency
from bench.app.page.preview import spoken
from bench.app.page.visits import Visits
from bench.app.registry import SessionRegistry
from bench.config import Config
from bench.engine.settings import ConversationSettings
from bench.engine.transcript import Transcript
from bench.errors import ConfigError
from bench.metrics.turns import Stages, Turn
from bench.settings import AppSettings, ProviderSettings
from bench.testing import ToneSynthesizer, create_test_conversation
from bench.trace import Trace

pytestmark = pytest.mark.unit

BASE = Config(AppSettings(), ConversationSettings(), ProviderSettings())


def visits() -> Visits:
    registry = SessionRegistry(
        lambda request: create_test_conversation(), Door(loopback=True), Limits()
    )
    return Visits(registry, BASE)


def test_a_tab_keeps_its_session_and_a_reload_brings_it_back() -> None:
    every = visits()
    first = every.enter("tab")
    assert every.of("tab") is first
    kept = {"session": first.ticket.session, "token": first.ticket.token}
    assert every.enter("after the reload", kept) is first
    assert every.of("after the reload") is first
    assert every.enter("another") is not first


def test_each_conversation_of_a_tab_has_a_name_of_its_own() -> None:
    every = visits()
    visit = every.enter("tab")
    first = visit.start()
    every.renew(visit)
    second = visit.start()
    assert second["session"] != first["session"]
    assert visit.ticket.session == first["session"]  # the last one is still shown
    assert every.enter("tab", second) is visit  # loaded again
    assert visit.ticket.session == first["session"]
    assert every.begun("tab", second) is visit
    assert visit.ticket.session == second["session"]


def test_what_failed_is_told_once_at_the_end_of_its_turn() -> None:
    transcript = Transcript()
    for text in ("first", "second"):
        transcript.add_human_message(text)
        transcript.add_bot_message(f"to the {text}", intended=f"to the {text}")
    failed = {0: ["at once"], 1: ["<again>", "<again>"], 3: ["later"]}
    shown = [each["content"] for each in messages(transcript, {}, failed)]
    words = [getattr(each, "value", each) for each in shown]
    notes = [f'<p class="tb-note">{text}</p>' for text in ("at once", "&lt;again&gt;", "later")]
    assert words == [
        notes[0], "first", "to the first", notes[1], "second", "to the second", notes[2],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "kept",
    [
        None,
        "a text",
        {"session": "guessed", "token": "forged"},
        {"session": "guessed", "token": ""},
        {"session": "", "token": ""},
        {"session": ["a list"], "token": 7},
    ],
)
def test_a_session_that_is_not_proven_is_not_given(kept: object) -> None:
    every = visits()
    owner = every.enter("owner")
    other = every.enter("other", kept)
    assert other is not owner
    assert other.ticket.session != "guessed"


def test_what_a_tab_asks_is_checked_before_it_is_kept() -> None:
    visit = visits().of("tab")
    visit.ask(response_mode="buffered")
    with pytest.raises(ConfigError, match="sideways"):
        visit.ask(response_mode="sideways")
    with pytest.raises(ConfigError, match="lead_seconds"):
        visit.ask(lead_seconds=9.0)
    start = visit.start()
    assert start["response_mode"] == "buffered"
    assert start["transcriberProvider"] == "embedded"
    assert start["session"] == visit.ticket.session


@pytest.mark.parametrize(
    "text",
    [
        "I'd like a table for two, at half past seven. Twenty-one?",
        "<script>alert(1)</script>",
        "![x](http://example.org/x.png) [y](z) **b** _i_ `c` ~~s~~ $x$ # h | t",
        "1. first",
        "- item",
    ],
)
def test_words_are_never_markup(text: str) -> None:
    shown = literally(text)
    assert not re.search(r"[<>*_`\[\]()#~|$\\]|&(?!#\d+;)|^-|^\d+\.", re.sub(r"&#\d+;", "", shown))
    decoded = re.sub(r"&#(\d+);", lambda code: chr(int(code[1])), shown)
    assert decoded == text


def test_a_cut_answer_is_heard_words_and_the_rest_struck_through() -> None:
    transcript = Transcript()
    transcript.add_human_message("hello")
    answer = transcript.add_bot_message("", intended="We are open <now>, always.")
    answer.settle("We are open", interrupted=True)
    stages = Stages(0.7, 0.001, 0.2, 0.1, 0.05, 0.03)
    shown = messages(transcript, {1: Turn(1, 3.0, "silence", "hello", stages)}, {})
    assert [message["role"] for message in shown] == ["user", "assistant", "assistant"]
    assert shown[1]["content"] == 'We are open <s class="tb-unheard">&#60;now&#62;, always.</s>'
    assert "voice to voice 1081\xa0ms" in shown[2]["content"].value


def test_a_bar_is_as_wide_as_its_share_and_says_it_in_words() -> None:
    turn = Turn(1, 3.0, "silence", "hello", Stages(0.5, 0.0, 0.25, None, 0.25, 0.0))
    drawn = bar(stages_of(turn), longest=2.0)
    assert re.findall(r"width:([\d.]+)%", drawn) == ["25.00", "12.50", "12.50"]
    assert "first sentence whole –" in drawn
    assert "in all 1000\xa0ms" in drawn


def test_durations_are_read_by_people() -> None:
    assert duration(None) == "–"
    assert duration(0.0004) == "0\xa0ms"
    assert duration(1.2345) == "1234\xa0ms"
    assert duration(12.34) == "12.3\xa0s"


def test_without_a_turn_the_tab_says_so() -> None:
    assert latency(Trace(), sample_rate=16_000) == NOTHING


def test_a_preview_is_a_wav_of_the_whole_text() -> None:
    wav = clock.run(spoken(ToneSynthesizer(seconds_per_word=0.2), "one two three"), virtual=True)
    assert wav[:4] == b"RIFF"
    assert (len(wav) - 44) / 32000 == pytest.approx(0.6, abs=0.3)
