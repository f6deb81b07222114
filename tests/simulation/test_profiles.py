"""Every figure has a source, what is assumed says so, and an override changes what it names."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest

from bench.errors import ConfigError
from bench.simulation.draws import Draws
from bench.simulation.profiles import (
    ROLES,
    Role,
    data,
    digest,
    names,
    prices,
    profile,
    role_of,
)

pytestmark = pytest.mark.unit

BESIDE = {"label", "confidence", "note", "sources", "other_medians_ms"}
PROFILES = [name for role in ROLES for name in names(role)]
WAITS = {"stt": ("final", "ttfs_ms"), "llm": ("first_token", "ttfat_ms")}


def entries() -> list[tuple[str, dict[str, Any]]]:
    defaults = [(f"defaults of {role}", data()["defaults"][role]) for role in ROLES]
    return defaults + [(id, entry) for role in ROLES for id, entry in data()[role].items()]


@pytest.mark.parametrize(("name", "entry"), entries())
def test_every_figure_names_its_sources(name: str, entry: dict[str, Any]):
    assert set(entry["sources"]) == set(entry) - BESIDE, name
    for figure, named in entry["sources"].items():
        assert named, figure
        assert set(named) <= set(data()["sources"]), figure
    assert set(entry.get("other_medians_ms", {})) <= set(data()["sources"])


def test_every_source_has_a_title_a_date_and_a_kind_and_is_used():
    used = {
        source for _, entry in entries() for named in entry["sources"].values() for source in named
    }
    used |= {source for _, entry in entries() for source in entry.get("other_medians_ms", {})}
    assert set(data()["sources"]) == used
    for source in data()["sources"].values():
        assert set(source) == {"title", "date", "kind"}
        assert all(source.values())
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", data()["as_of"])


def test_a_name_is_of_one_role():
    assert get_args(Role) == ROLES
    assert len({name for name in PROFILES}) == len(PROFILES) >= 60
    assert role_of("sim:gpt-4.1") == role_of("gpt-4.1") == "llm"
    assert role_of("gpt-5") is None


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_says_what_it_assumes(name: str):
    found = profile(name)
    assert f"sim:{found.id}" == name
    assert found.label
    assert found.confidence in ("high", "medium", "low", "assumption")
    first, *others = found.assumptions
    assert first == f"{name} is a model of a provider and measures none"
    assert any("assumed, not measured" in sentence for sentence in others)
    assert all(sentence.startswith(name) for sentence in others)


def test_what_is_assumed_is_told_and_what_was_set_is_told_as_that():
    told = profile("sim:polly-neural").assumptions
    assert any("assumed" in each and "time to the first sound" in each for each in told)
    assert any("1.5 times as long" in each for each in told)
    told = profile("sim:polly-neural", {"ttfa_ms": 300, "rtf": 0.2}).assumptions
    assert not any("time to the first sound" in each or "1.5 times" in each for each in told)
    assert not any("real-time factor" in each for each in told)
    assert told[-1] == "sim:polly-neural: set by hand: rtf, ttfa_ms"
    assert any("vendor's own claim" in each for each in profile("sim:deepgram-flux-en").assumptions)
    spread = profile("sim:elevenlabs-flash-v2.5").assumptions
    assert any("middle half" in each for each in spread)


@pytest.mark.parametrize("name", [*names("stt"), *names("llm")])
def test_draws_have_the_percentiles_of_the_figures(name: str):
    role = role_of(name)
    field, figure = WAITS[role or ""]
    known = data()[role][name.removeprefix("sim:")][figure]
    wait = getattr(profile(name), field)
    waits = sorted(wait.draw(Draws(n), "step", "any", 0) * 1000 for n in range(2000))
    assert waits[1000] == pytest.approx(known["p50"], rel=0.06)
    assert waits[1900] == pytest.approx(known["p95"], rel=0.16)
    if "p99" in known:
        assert 0.7 * known["p99"] < waits[1980] < 1.4 * known["p99"]


def test_a_spread_is_what_is_known_of_it():
    assert profile("sim:elevenlabs-flash-v2.5", role="tts").first_audio.spread.p95 == pytest.approx(
        0.288 * 2.718281828 ** (1.645 * 28 / 288 / 1.349)
    )
    assert profile("sim:azure-neural", role="tts").first_audio.spread.p95 == pytest.approx(0.375)
    rate = profile("sim:gpt-4.1", role="llm").tokens_per_second
    assert rate.at(-1.645) == pytest.approx(50)
    assert profile("sim:gpt-4o", role="llm").tokens_per_second.p50 == 131


def test_overrides_are_in_the_keys_of_scenarios():
    changed = {"ttfat_ms": {"p50": 600, "p95": 1800}, "tail": {"prob": 0.02, "factor": 3}}
    llm = profile("sim:gpt-4.1", {**changed, "tokens_per_s": 90}, role="llm")
    assert llm.first_token.spread.p50 == 0.6
    assert llm.first_token.spread.p95 == pytest.approx(1.8)
    assert (llm.first_token.tail.prob, llm.first_token.tail.factor) == (0.02, 3.0)
    assert llm.first_token.tail.alpha == 2.5
    assert (llm.tokens_per_second.p50, llm.tokens_per_second.sigma) == (90.0, 0.0)
    tts = profile(
        "sim:cartesia-sonic-3",
        {"ttfa_ms": {"p50": 190, "p95": 320}, "rtf": 0.25, "lead_silence_ms": 60},
        role="tts",
    )
    assert (tts.real_time_factor.p50, tts.lead_seconds) == (0.25, (0.06, 0.06))
    stt = profile("sim:deepgram-nova-3", {"ttfs_ms": 300, "word_error_rate": 0}, role="stt")
    assert stt.word_error_rate == 0.0
    assert {stt.final.draw(Draws(n), "step", "stt.final") for n in range(500)} == {0.3}


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ({"ttfs_ms": 3}, "unknown figure ttfs_ms; known are: floor_ms, rho, tail, timeout_ms, tok"),
        ({"label": "x"}, "unknown figure label"),
        ({"ttfat_ms": {"p5": 3}}, "ttfat_ms has p50 and p95, not p5"),
        ({"ttfat_ms": {"p50": 900, "p95": 300}}, "has its p95 on the wrong side of p50"),
        ({"ttfat_ms": "fast"}, "ttfat_ms is 'fast': want a number"),
        ({"ttfat_ms": True}, "ttfat_ms is True: want a number"),
        ({"ttfat_ms": -3}, "ttfat_ms is -3: want"),
        ({"tokens_per_s": 0}, "tokens_per_s is 0: want"),
        ({"tail": 3}, "tail is 3: want prob, factor and alpha"),
        ({"tail": {"odds": 3}}, "tail has prob, factor, alpha, not odds"),
        ({"tail": {"prob": 3}}, "tail.prob is 3: want 0 to 1"),
        ({"rho": 2}, "rho is 2: want 0 to 1"),
        ({"floor_ms": 30_000}, "floor_ms is above timeout_ms"),
        ([1], r"is \[1\]: want figures by name"),
    ],
)
def test_an_override_that_cannot_be_says_what_can(overrides: Any, told: str):
    with pytest.raises(ConfigError, match=f"profile sim:gpt-4.1.*{told}"):
        profile("sim:gpt-4.1", overrides)


@pytest.mark.parametrize("pair", [[1, 2, 3], [200, 100], ["a", "b"]])
def test_a_range_is_a_pair_in_its_order(pair: list[Any]):
    with pytest.raises(ConfigError, match="lead_silence_ms"):
        profile("sim:cartesia-sonic-3", {"lead_silence_ms": pair})


def test_an_unknown_profile_lists_those_of_its_role():
    with pytest.raises(ConfigError, match="no simulated provider sim:whisper; known are: sim:deep"):
        profile("sim:whisper")
    with pytest.raises(ConfigError, match=r"no simulated provider sim:gpt-4.1; known .*sonic"):
        profile("sim:gpt-4.1", role="tts")


def test_a_price_is_known_or_unknown_and_never_nothing():
    known = prices("sim:deepgram-nova-3", "sim:gpt-4.1", "sim:elevenlabs-flash-v2.5")
    assert known.stt_per_minute == 0.0048
    assert (known.llm_per_million_in, known.llm_per_million_out) == (2.0, 8.0)
    assert known.tts_per_million_characters == 50.0
    unknown = prices("sim:aws-transcribe", "embedded", "sim:gradium-tts")
    assert unknown.stt_per_minute is unknown.llm_per_million_in is None
    assert unknown.tts_per_million_characters is None
    for _, entry in entries():
        assert all(entry[key] > 0 for key in entry if key.startswith("usd_"))


def test_a_price_can_be_set_where_none_is_known():
    set_to = profile("sim:aws-transcribe", {"usd_per_minute": 0.024}, role="stt")
    assert set_to.usd_per_minute == 0.024
    changes = {"sim:aws-transcribe": {"usd_per_minute": 0.024}}
    stack = ("sim:aws-transcribe", "sim:gpt-4.1", "sim:gradium-tts")
    assert prices(*stack, changes).stt_per_minute == 0.024
    assert prices(*stack).stt_per_minute is None


def test_the_digest_names_the_file():
    assert re.fullmatch(r"[0-9a-f]{12}", digest())
    assert digest() == digest()
