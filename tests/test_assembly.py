"""What a session may ask for is checked name by name; the rest is the owner's."""

import dataclasses

import pytest

from bench import assembly, clock
from bench.assembly import OWNERS_ONLY, Settings, may_ask_for, read_request
from bench.engine.settings import ConversationSettings
from bench.errors import ConfigError
from bench.providers.handler import VoiceHandler
from bench.settings import LIMITS, AppSettings, ProviderSettings, Secret, ServiceSettings

pytestmark = pytest.mark.unit

BASE = Settings(AppSettings(), ConversationSettings(barge_in="never"), ProviderSettings(pitch=40))


def test_a_request_is_laid_over_the_settings():
    asked = read_request({"barge_in": "on-vad", "voice": "en-gb", "idle_seconds": 5}, BASE)
    assert asked.changes == {"barge_in": "on-vad", "idle_seconds": 5.0}
    assert asked.providers == ProviderSettings(pitch=40, voice="en-gb")
    assert read_request({}, BASE).providers == BASE.providers


def test_the_embedded_trio_is_named_unless_told_otherwise():
    chosen = read_request({}, BASE).providers
    assert {chosen.transcriberProvider, chosen.llmProvider, chosen.voiceProvider} == {"embedded"}
    asked = read_request({"stt": "deepgram", "llmProvider": "gemini"}, BASE).providers
    assert (asked.transcriberProvider, asked.llmProvider) == ("deepgram", "gemini")


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"barge": "never"}, "unknown setting barge; known are: apology, barge_in, complete_turn"),
        ({"port": 1}, "unknown setting port; known are"),
        ({"lead_seconds": 9.0}, "lead_seconds is not for a session to set: it stands in talkbenc"),
        ({"barge_in": "shout"}, "barge_in is 'shout': want hold-then-decide"),
        ({"barge_in": 3}, "barge_in is 3: want a text"),
        ({"idle_seconds": "5"}, "idle_seconds is '5': want a number"),
        ({"idle_seconds": True}, "idle_seconds is True: want a number"),
        ({"idle_seconds": 3601}, "idle_seconds is 3601.0: want 0 to 3600 seconds"),
        ({"vad_threshold": float("nan")}, "vad_threshold is nan: want a number"),
        ({"vad_threshold": 10**400}, "...0000000000000000000: want a number"),
        ({"llm": 1, "voice": "a" * 60_000}, "llm is 1: want a text"),
        ({"pitch": "a" * 60_000}, "aaa...aaa"),
        ({"end_of_turn_seconds": None}, "end_of_turn_seconds is nothing: want a number"),
        ({"idle_prompts": {"a": 1}}, "idle_prompts is a dict: want a list of texts"),
        ({"llm": ["openai"]}, "llm is a list: want a text"),
        ({"pitch": 400}, "pitch is 400: want 0 to 99"),
        ({"greeting": "a" * 501}, "greeting is too long: want 500 characters at most"),
        ({"end_phrases": ["a"] * 21}, "end_phrases holds 21 texts: want 20 at most"),
        ({"speed": 1.0, "words_per_minute": 100}, "speed and words_per_minute say the same"),
    ],
)
def test_what_a_session_may_not_ask_for(request_: dict[str, object], told: str):
    with pytest.raises(ConfigError) as refused:
        read_request(request_, BASE)
    assert told in str(refused.value)


def test_one_way_of_saying_the_pace_replaces_the_other():
    base = dataclasses.replace(BASE, providers=ProviderSettings(words_per_minute=200))
    asked = read_request({"speed": 1.5}, base).providers
    assert (asked.speed, asked.words_per_minute) == (1.5, None)


def test_every_setting_is_either_a_session_s_or_the_owner_s():
    asked = set(may_ask_for())
    assert OWNERS_ONLY < set(ConversationSettings.names())
    assert asked.isdisjoint(OWNERS_ONLY)
    assert set(ConversationSettings.names()) - OWNERS_ONLY < asked


def test_an_unknown_provider_is_a_value_error_that_a_session_is_told():
    for error in (ValueError, ConfigError):
        with pytest.raises(error, match="Unknown voice provider: x"):
            assembly.assemble_synthesizer({"voiceProvider": "x"}, base=BASE)


def test_changes_name_only_what_was_asked_for():
    assert assembly.assemble_changes({"barge_in": "on-vad"}, base=BASE) == {"barge_in": "on-vad"}


def test_the_agent_config_is_what_the_handler_takes():
    config = assembly._agent_config(ProviderSettings())  # pyright: ignore[reportPrivateUsage]
    assert VoiceHandler({}).create_agent(config).provider == "embedded"
    assert "voice" not in config


def test_a_session_may_name_who_takes_over():
    config = {"llmFallback": "sim:gpt-4.1", "voiceFallback": "sim:azure-neural"}
    asked = read_request(config, BASE)
    assert asked.providers.llmFallback == "sim:gpt-4.1"
    synthesizer = assembly.assemble_synthesizer(config, base=BASE)
    assert synthesizer.backup is not None
    assert synthesizer.backup.provider == "sim:azure-neural"
    changes = assembly.assemble_changes({"voiceFallback": "sim:azure-neural"}, base=BASE)
    assert changes["synthesizer"].backup.provider == "sim:azure-neural"


@pytest.mark.parametrize(
    ("request_", "model"),
    [
        ({"llm": "openai", "llm_model": "gpt-5.4-mini"}, "gpt-5.4-mini"),
        ({"llm": "openai", "llm_model": None}, "llama3"),
        ({"llm": "openai", "llm_model": "llama3"}, "llama3"),  # the owner's own
        ({"llm": "openai"}, "llama3"),
    ],
)
def test_a_session_chooses_among_the_known_models(request_: dict[str, object], model: str | None):
    base = dataclasses.replace(BASE, services=ServiceSettings(llm_model="llama3"))
    assert read_request(request_, base).services.llm_model == model


def test_a_session_says_which_language_is_spoken_and_which_names_to_expect():
    base = dataclasses.replace(BASE, services=ServiceSettings(language="en"))
    assert read_request({}, base).services.language == "en"
    asked = read_request({"language": "de-AT", "keyterms": ["Zoë", "Herr Ober"]}, base)
    assert (asked.services.language, asked.providers.keyterms) == ("de-AT", ("Zoë", "Herr Ober"))


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"language": "german"}, "language is 'german': want a code, as en or en-GB"),
        ({"keyterms": ["x"] * 101}, "keyterms holds 101 terms: want 100 at most"),
        ({"keyterms": ["x" * 51]}, "keyterms holds no term: want 1 to 50 printable characters"),
        ({"stt": "deepgram", "transcriber_model": "nova-9"}, "known are: nova-3, nova-3-medical"),
        ({"llm": "anthropic", "llm_model": "gpt-4.1"}, "'gpt-4.1' is not known of anthropic"),
        ({"llm_model": "gpt-4.1"}, "not known of embedded: it has none to choose from"),
        ({"tts": "sim:azure-neural", "voice_model": "x" * 500}, "x' is not known of sim:azure"),
        ({"tts": "elevenlabs", "voice_model": 3}, "voice_model is 3: want a text"),
        ({"voice": "a" * 201}, "voice is no name: want 200 printable characters at most"),
        ({"voice": "a\nb"}, "voice is no name"),
        ({"llm": "openai", "llmFallback": "openai"}, "llmFallback is 'openai', and so is"),
        ({"openai_base_url": "http://127.0.0.1:1/v1"}, "unknown setting openai_base_url"),
        ({"elevenlabs_url": "http://127.0.0.1:1"}, "unknown setting elevenlabs_url"),
    ],
)
def test_what_decides_the_costs_and_where_keys_go_stays_the_owner_s(
    request_: dict[str, object], told: str
):
    with pytest.raises(ConfigError) as refused:
        read_request(request_, BASE)
    assert told in str(refused.value)


def test_the_names_of_one_provider_are_not_asked_of_another():
    base = dataclasses.replace(
        BASE,
        providers=ProviderSettings(llmProvider="openai", voice="en-gb"),
        services=ServiceSettings(llm_model="gpt-4.1", system_prompt="Be short."),
    )
    asked = read_request({"llm": "gemini", "tts": "elevenlabs"}, base)
    assert asked.services == ServiceSettings(system_prompt="Be short.")
    assert asked.providers.voice is None
    assert read_request({"llm": "gemini", "tts": "polly", "voice": "Amy"}, base).providers.voice


def test_what_is_loaded_is_of_the_roles_that_are_asked_for():
    asked = {"stt": "deepgram", "tts": "embedded"}
    assembly.load(asked, "voice", base=BASE)
    with pytest.raises(ConfigError, match="set DEEPGRAM_API_KEY"):
        assembly.load(asked, base=BASE)


def test_a_model_changes_the_voice_of_a_conversation_under_way():
    base = dataclasses.replace(BASE, keys={"ELEVENLABS_API_KEY": Secret("a-key-of-a-test")})
    asked = {"tts": "elevenlabs", "voice_model": "eleven_v3"}
    assert assembly.assemble_changes(asked, base=base)["synthesizer"].model == "eleven_v3"


def test_the_limits_of_an_account_are_the_owner_s():
    for name in LIMITS:
        with pytest.raises(ConfigError, match=f"unknown setting {name}"):
            read_request({name: 1}, BASE)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ({"llmFallback": "openai"}, "set OPENAI_API_KEY"),
        ({"voiceFallback": "embedded"}, "voiceFallback is 'embedded', and so is voiceProvider"),
        ({"transcriberFallback": "whisper"}, "Unknown transcriber fallback provider: whisper"),
    ],
)
def test_a_fallback_that_cannot_be_used_is_told_at_the_start(chosen: dict[str, str], told: str):
    base = dataclasses.replace(BASE, providers=ProviderSettings(**chosen))  # type: ignore[arg-type]
    for use in (assembly.check, lambda base: clock.run(assembly.warm_up(base))):
        with pytest.raises(ConfigError, match=told):
            use(base)
