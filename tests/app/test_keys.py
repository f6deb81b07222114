"""A key that was typed reaches its provider, and nothing else."""

import asyncio
import pickle

import pytest

from bench import clock
from bench.app.door import Door
from bench.app.keys import NOT_TO_TYPE, TO_TYPE, KeyRing, KeyRings
from bench.app.limits import Limits
from bench.app.page import visits as visits_module
from bench.app.page.choices import GIVEN_HERE, models_of, offers, providers_of, voices_of
from bench.app.page.settings_tab import wanted_keys
from bench.app.page.visits import KEYS_KEPT_SECONDS, Visits, defaults
from bench.app.registry import SessionRegistry
from bench.config import Config
from bench.engine.settings import ConversationSettings
from bench.errors import ConfigError
from bench.providers.handler import provider_states
from bench.settings import AppSettings, ProviderSettings, Secret, ServiceSettings
from bench.testing import create_test_conversation

pytestmark = pytest.mark.unit

BASE = Config(AppSettings(), ConversationSettings(), ProviderSettings())
KEY = "a-key-that-nobody-shall-see"


def visits(base: Config[ConversationSettings] = BASE, rings: KeyRings | None = None) -> Visits:
    registry = SessionRegistry(
        lambda request: create_test_conversation(), Door(loopback=True), Limits()
    )
    return Visits(registry, base, rings)


def test_each_conversation_of_a_tab_has_its_keys_and_no_other_has() -> None:
    rings = KeyRings()
    every = visits(rings=rings)
    one, other = every.of("one"), every.of("other")
    one.keys.give("OPENAI_API_KEY", f" {KEY}\n")
    every.renew(one)
    for session in (one.ticket.session, one.next.session):
        assert rings.settings(BASE, session).keys["OPENAI_API_KEY"].reveal() == KEY
    assert rings.settings(BASE, other.ticket.session) is BASE
    assert rings.settings(BASE, "guessed") is BASE
    one.keys.forget()
    assert rings.settings(BASE, one.next.session) is BASE


def test_what_the_owner_has_set_goes_before_what_was_typed() -> None:
    ring = KeyRing()
    ring.give("OPENAI_API_KEY", KEY)
    assert ring.with_own({"OPENAI_API_KEY": Secret("own")})["OPENAI_API_KEY"].reveal() == "own"


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("OPENAI_API_KEY", f"{KEY}\r\nHost: elsewhere"),
        ("OPENAI_API_KEY", f"{KEY} {KEY}"),
        ("OPENAI_API_KEY", KEY * 20),
        ("OPENAI_API_KEY", f"{KEY}é"),
        ("AZURE_SPEECH_REGION", f"{KEY}.example.org/"),
        ("AWS_REGION", f"x@{KEY}"),
        ("GOOGLE_APPLICATION_CREDENTIALS", f"/etc/{KEY}"),
        ("TALKBENCH_SECRET", KEY),
    ],
)
def test_what_cannot_be_a_key_is_refused_without_being_shown(variable: str, text: str) -> None:
    ring = KeyRing()
    with pytest.raises(ConfigError) as refused:
        ring.give(variable, text)
    assert KEY not in str(refused.value)
    assert not ring


def test_a_token_is_asked_for_beside_its_key_alone() -> None:
    states = provider_states({})
    own = {
        name: Secret("own") for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION")
    }
    assert "AWS_SESSION_TOKEN" in wanted_keys(states, {})
    assert "AWS_SESSION_TOKEN" not in wanted_keys(states, own)


def test_a_token_may_be_longer_than_a_key() -> None:
    ring = KeyRing()
    ring.give("AWS_SESSION_TOKEN", KEY * 40)
    assert ring
    with pytest.raises(ConfigError, match="4000"):
        ring.give("AWS_SESSION_TOKEN", KEY * 400)


def test_a_ring_shows_names_alone() -> None:
    every = visits()
    visit = every.of("tab")
    visit.keys.give("DEEPGRAM_API_KEY", KEY)
    assert repr(visit.keys) == "KeyRing(DEEPGRAM_API_KEY)"
    assert KEY not in repr(visit.base)
    assert KEY not in repr(visit.start())
    with pytest.raises(TypeError):
        pickle.dumps(visit.base.keys)


def test_keys_are_forgotten_when_the_page_does_not_come_back() -> None:
    async def main() -> tuple[bool, bool, bool]:
        every = visits()
        visit = every.enter("first page")
        visit.keys.give("OPENAI_API_KEY", KEY)
        every.leave("first page")
        await clock.sleep(KEYS_KEPT_SECONDS / 2)
        again = every.enter("after the reload", visit.ticket._asdict())
        await clock.sleep(2 * KEYS_KEPT_SECONDS)
        reloaded = again is visit and bool(visit.keys)
        every.leave("after the reload")
        await clock.sleep(KEYS_KEPT_SECONDS - 1)
        before = bool(visit.keys)
        await clock.sleep(2)
        return reloaded, before, bool(visit.keys)

    assert clock.run(main(), virtual=True) == (True, True, False)


def test_a_page_that_is_loaded_again_before_the_old_one_has_gone_keeps_them() -> None:
    async def main() -> bool:
        every = visits()
        visit = every.enter("old")
        visit.keys.give("OPENAI_API_KEY", KEY)
        every.enter("new", visit.ticket._asdict())
        every.leave("old")
        every.leave("old")
        await clock.sleep(2 * KEYS_KEPT_SECONDS)
        return bool(visit.keys)

    assert clock.run(main(), virtual=True)


def test_a_tab_that_made_room_for_others_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits_module, "MOST_KEPT", 2)
    rings = KeyRings()
    every = visits(rings=rings)
    first = every.of("first").ticket.session
    every.of("first").keys.give("OPENAI_API_KEY", KEY)
    for name in ("second", "third"):
        every.of(name)
    assert rings.settings(BASE, first) is BASE


def test_a_provider_is_ready_by_the_keys_of_a_tab() -> None:
    states = provider_states({})
    ring = KeyRing()
    ring.give("DEEPGRAM_API_KEY", KEY)
    ring.give("AWS_ACCESS_KEY_ID", KEY)
    found = {
        (offer.state.provider.role, offer.state.provider.key): offer.words
        for offer in offers(states, {}, ring.with_own({}), {})
    }
    assert found["transcriber", "deepgram"] == GIVEN_HERE
    assert found["transcriber", "assemblyai"] == "key missing: ASSEMBLYAI_API_KEY"
    assert found["voice", "polly"] == "key missing: AWS_SECRET_ACCESS_KEY, AWS_REGION"
    assert found["voice", "embedded"] == "ready"
    assert found["voice", "playht"].startswith("legacy: the service closed at the end of 2025")
    own = {"DEEPGRAM_API_KEY": Secret("own")}
    labels = [label for label, _ in providers_of("transcriber", offers(states, own, own, {}))]
    assert "Deepgram · ready" in labels


def test_an_address_spares_the_region_on_the_page_too() -> None:
    services = {"azure_url": "ws://127.0.0.1:1"}
    states, given = provider_states({}, services), {"AZURE_SPEECH_KEY": KEY}
    keys = {name: Secret(str(text)) for name, text in given.items()}
    words = {
        offer.state.provider.key: offer.words
        for offer in offers(states, {}, keys, services)
        if offer.state.provider.role == "voice"
    }
    assert words["azure"] == GIVEN_HERE


def test_keys_are_asked_for_where_nothing_else_is_missing() -> None:
    wanted = wanted_keys(provider_states({}), {"OPENAI_API_KEY": Secret("own")})
    assert wanted["AZURE_SPEECH_KEY"] == ["Azure Speech"]
    assert "OPENAI_API_KEY" not in wanted
    assert NOT_TO_TYPE.isdisjoint(wanted)
    assert set(wanted) <= set(TO_TYPE)


def test_models_and_voices_are_those_of_the_provider() -> None:
    values = defaults(BASE, {"llmProvider": "openai", "voiceProvider": "azure"})
    assert models_of("llm", values, BASE)[:2] == [
        ("gpt-4.1-mini (usual)", ""),
        ("gpt-4.1", "gpt-4.1"),
    ]
    assert models_of("voice", values, BASE) == []
    assert voices_of(values) == [("Ava (US English, multilingual) (usual)", "")]
    assert len(voices_of(defaults(BASE, {}))) > 10
    owners = Config(
        AppSettings(),
        ConversationSettings(),
        ProviderSettings(llmProvider="openai"),
        services=ServiceSettings(llm_model="llama3"),
    )
    assert models_of("llm", values, owners)[0] == ("llama3 (this server’s)", "")


def test_forgetting_waits_for_no_loop_when_nothing_was_left() -> None:
    async def main() -> int:
        every = visits()
        every.leave("never here")
        every.leave(None)
        return len(asyncio.all_tasks())

    assert clock.run(main(), virtual=True) == 1
