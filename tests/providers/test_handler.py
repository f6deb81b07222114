"""Names are taken as they always were; what cannot be chosen says what is missing."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from bench.engine.transcriber import BaseTranscriber
from bench.errors import ConfigError
from bench.providers.connections import key_of
from bench.providers.front_desk import TEMPLATES, FrontDeskAgent
from bench.providers.handler import (
    PROVIDERS,
    ROLES,
    Provider,
    UnknownProvider,
    VoiceHandler,
    installed,
    provider_states,
)
from bench.providers.known import backend
from bench.settings import ALIASES, KEY_VARIABLES, Secret
from bench.simulation.context import Simulation
from bench.simulation.faults import Fault

pytestmark = pytest.mark.unit

FOUNDING = {
    "transcriber": ["deepgram", "assemblyai", "azure", "google"],
    "llm": ["openai", "gemini", "anthropic"],
    "voice": ["elevenlabs", "azure", "google", "polly", "playht"],
}
MAKERS = {
    "transcriber": VoiceHandler.create_transcriber,
    "llm": VoiceHandler.create_agent,
    "voice": VoiceHandler.create_synthesizer,
}


@pytest.mark.parametrize("role", FOUNDING)
def test_every_founding_name_is_known(role: str):
    keys = {row.key for row in PROVIDERS if row.role == role}
    assert keys == {*FOUNDING[role], "embedded"}


@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("transcriber", "Unknown transcriber provider: whisper (known are: embedded, deepgram"),
        ("llm", "Unknown LLM provider: whisper (known are: embedded, openai, gemini, anthropic"),
        ("voice", "Unknown voice provider: whisper (known are: embedded, elevenlabs, azure, goo"),
    ],
)
def test_an_unknown_name_is_a_value_error_that_lists_the_known(role: str, told: str):
    setting = ROLES[role][0]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"sim:…, recorded:…\)$") as refused:
        MAKERS[role](VoiceHandler({}), {setting: "whisper"})
    assert str(refused.value).startswith(told)
    assert isinstance(refused.value, UnknownProvider)


@pytest.mark.parametrize("named", ["", None, 5, ["embedded"]])
def test_what_is_no_name(named: object):
    with pytest.raises(ConfigError, match=r"deepgram: set DEEPGRAM|Unknown transcriber"):
        VoiceHandler({}).create_transcriber({"transcriberProvider": named})


@pytest.mark.parametrize("role", FOUNDING)
def test_the_default_is_the_founding_one_and_says_which_key_it_wants(role: str):
    _, usual, word = ROLES[role]  # pyright: ignore[reportArgumentType]
    assert usual == FOUNDING[role][0]
    variable = f"{usual.upper()}_API_KEY"
    with pytest.raises(ConfigError, match=f"^{word} provider {usual}: set {variable} in the env"):
        MAKERS[role](VoiceHandler({}))


def test_a_cassette_that_is_not_there_is_told_with_its_folder():
    with pytest.raises(ConfigError, match="there is no cassette at a-folder"):
        VoiceHandler({}).create_synthesizer({"voiceProvider": "recorded:a-folder"})


@pytest.mark.parametrize(
    ("role", "simulated", "of_another_role"),
    [
        ("transcriber", "sim:deepgram-nova-3", "sim:gpt-4.1"),
        ("llm", "sim:gpt-4.1", "sim:elevenlabs-flash-v2.5"),
        ("voice", "sim:elevenlabs-flash-v2.5", "sim:deepgram-nova-3"),
    ],
)
def test_a_simulated_provider_is_made_by_its_profile(
    role: str, simulated: str, of_another_role: str
):
    setting = ROLES[role][0]  # pyright: ignore[reportArgumentType]
    made = MAKERS[role](VoiceHandler({}), {setting: simulated, "simulation": Simulation()})
    assert made.provider == simulated
    for unknown in ("sim:whisper", of_another_role, "sim:"):
        with pytest.raises(UnknownProvider, match=f"{unknown} .simulated are: .*{simulated}"):
            MAKERS[role](VoiceHandler({}), {setting: unknown})


def test_short_names_do_as_well():
    assert set(ALIASES.values()) == {setting for setting, _, _ in ROLES.values()}
    assert isinstance(VoiceHandler({}).create_agent({"llm": "embedded"}), FrontDeskAgent)
    long_name_wins = {"llm": "whisper", "llmProvider": "embedded"}
    assert isinstance(VoiceHandler({}).create_agent(long_name_wins), FrontDeskAgent)


GEMINI = next(row for row in PROVIDERS if row.key == "gemini")
OF_OUR_OWN = Provider(
    "mine", "llm", "Mine", "bench.providers.front_desk:FrontDeskAgent", "mine", "json", ("MY_KEY",)
)


def test_a_provider_of_your_own_is_made_with_the_whole_config():
    keys = {"MY_KEY": Secret("x")}
    handler = VoiceHandler({**keys, "OPENAI_API_KEY": Secret("y")}, [*PROVIDERS, OF_OUR_OWN])
    config = {"llmProvider": "mine", "words_per_second": 5, "tone": "kind"}
    agent = handler.create_agent(config)
    assert isinstance(agent, FrontDeskAgent)
    assert agent.agent_config == {**config, "keys": keys}
    assert agent.words_per_second == 5.0


class Listener(BaseTranscriber):
    """A transcriber that is content with what it is given."""


@pytest.mark.parametrize(
    ("config", "templates"),
    [
        ({"llm": "embedded"}, TEMPLATES),
        ({"llm": "embedded", "templates": ("hello",)}, ("hello",)),
        ({"llm": "sim:gpt-4.1"}, TEMPLATES),
        ({"llm": "openai"}, None),
        ({}, None),
    ],
)
def test_who_listens_is_told_what_callers_of_the_front_desk_say(
    config: dict[str, object], templates: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "my_listener", sys.modules[__name__])
    row = Provider("mine", "transcriber", "Mine", "my_listener:Listener")
    listener = VoiceHandler({}, [row]).create_transcriber({"stt": "mine", **config})
    assert listener.transcriber_config.get("templates") == templates
    by_desk = config.get("llm") in ("embedded", "sim:gpt-4.1")
    assert ("slots" in listener.transcriber_config) is by_desk


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match="LLM provider mine: set MY_KEY in the environment or in"):
        VoiceHandler({}, [OF_OUR_OWN]).create_agent({"llm": "mine"})


@pytest.mark.parametrize(
    ("provider", "role", "address", "held"),
    [
        ("azure", "transcriber", {"azure_url": "ws://127.0.0.1:1"}, "AZURE_SPEECH_KEY"),
        ("azure", "voice", {"azure_url": "wss://azure.test"}, "AZURE_SPEECH_KEY"),
        ("google", "transcriber", {"google_speech_url": "http://127.0.0.1:1"}, ""),
        ("google", "voice", {"google_voice_url": "http://127.0.0.1:1"}, ""),
    ],
)
def test_an_address_spares_what_only_said_where_the_service_is_or_as_whom(
    provider: str, role: str, address: dict[str, str], held: str
):
    (row,) = (row for row in PROVIDERS if (row.role, row.key) == (role, provider))
    if not installed(row.package):
        pytest.skip(f"{row.package} is not installed")
    handler = VoiceHandler({held: Secret("x")})
    config = {ROLES[row.role][0]: provider}
    assert handler.state(row, address).state == "ready"
    assert MAKERS[role](handler, config | address).provider == provider
    with pytest.raises(ConfigError, match=f"{provider}: set (AZURE_SPEECH_REGION|GOOGLE_APP)"):
        MAKERS[role](handler, config)


def test_an_address_that_is_encrypted_spares_no_credentials():
    pytest.importorskip("google.cloud.texttospeech")
    config = {"voiceProvider": "google", "google_voice_url": "https://127.0.0.1:1"}
    with pytest.raises(ConfigError, match="set GOOGLE_APPLICATION_CREDENTIALS"):
        VoiceHandler({}).create_synthesizer(config)


def test_what_was_given_goes_along_though_an_address_spares_it():
    keys = {"MY_KEY": Secret("x"), "MY_REGION": Secret("y")}
    row = dataclasses.replace(
        OF_OUR_OWN, variables=tuple(keys), address="my_url", spared=("MY_REGION",)
    )
    config = {"llm": "mine", "my_url": "http://127.0.0.1:1"}
    assert VoiceHandler(keys, [row]).create_agent(config).agent_config["keys"] == keys


def test_no_keys_are_not_those_of_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_KEY", "x")
    with pytest.raises(ConfigError, match="mine wants a key: set MY_KEY"):
        key_of({"keys": {}}, "MY_KEY", "mine")


@pytest.mark.parametrize("package", ["no_such_package", "no_such.package_inside"])
def test_a_missing_extra_is_named_with_the_command_that_installs_it(package: str):
    row = Provider("mine", "llm", "Mine", "a:B", "mine", package, ("MY_KEY",))
    with pytest.raises(ConfigError, match=r"LLM provider mine: pip install 'talkbench\[mine\]'"):
        VoiceHandler({}, [row]).create_agent({"llm": "mine"})


def test_the_states_say_what_can_be_chosen_now():
    states = {(row.provider.role, row.provider.key): row.state for row in provider_states({})}
    assert len(states) == len(PROVIDERS)
    ready = {role for (role, key), state in states.items() if key == "embedded"}
    assert ready == set(FOUNDING)
    for row in PROVIDERS:
        expected = "key missing" if row.variables else "ready"
        expected = "legacy" if row.legacy else expected if row.adapter else "not built yet"
        assert states[row.role, row.key] == expected


def test_an_old_one_says_why_it_is_and_where_it_can_be_installed():
    row = Provider(
        "old", "voice", "Old", "a:B", "old", "no_such_package", note="closed", legacy=True
    )
    with pytest.raises(ConfigError) as refused:
        VoiceHandler({}, [row]).create_synthesizer({"tts": "old"})
    assert str(refused.value) == (
        "voice provider old: pip install 'talkbench[old]' in an environment of its own (closed)"
    )


def test_the_older_sdk_of_a_vendor_is_looked_for_when_it_is_asked_for():
    config = {"llm": "gemini", "gemini_backend": "generativeai"}
    with pytest.raises(
        ConfigError, match=r"^LLM provider gemini: .*talkbench\[gemini-legacy\]|KEY"
    ):
        VoiceHandler({}).create_agent(config)
    assert backend(GEMINI, {"gemini_backend": "genai"}) is backend(GEMINI, {}) is GEMINI


def test_the_simulated_ones_that_were_chosen_are_among_the_states():
    chosen = {"stt": "embedded", "llmProvider": "sim:gpt-4.1", "voiceProvider": None}
    (added,) = provider_states({}, chosen)[len(PROVIDERS) :]
    assert (added.provider.key, added.provider.role, added.state) == ("sim:gpt-4.1", "llm", "ready")
    assert added.provider.label == "OpenAI gpt-4.1 (simulated)"


def test_every_variable_of_the_table_can_stand_in_the_file_of_keys():
    assert {name for row in PROVIDERS for name in row.variables} == set(KEY_VARIABLES)


def test_every_extra_of_the_table_can_be_installed():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    assert {row.extra for row in PROVIDERS if row.extra} <= set(extras)


def test_choosing_costs_no_provider_but_the_chosen_one():
    asked = (
        "import sys; from bench.providers.handler import VoiceHandler\n"
        "VoiceHandler({}).create_agent({'llm': 'embedded'})\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True, text=True)
    heavy = {"numpy", "onnxruntime", "pocketsphinx", "espeakng_loader", "yaml", "openai", "fastapi"}
    assert not heavy & set(ran.stdout.split())


# Fallbacks and accounts


def keyed() -> VoiceHandler:
    return VoiceHandler({name: Secret("x") for name in KEY_VARIABLES})


def test_a_part_comes_with_its_backup():
    config = {
        "stt": "deepgram",
        "llm": "openai",
        "tts": "elevenlabs",
        "transcriberFallback": "embedded",
        "llmFallback": "embedded",
        "voiceFallback": "sim:elevenlabs-flash-v2.5",
        "transcriber_mode": "open",
        "language": "en",
        "voice": "a-voice",
        "voice_model": "a-model",
    }
    handler = keyed()
    parts = (
        handler.create_transcriber(config),
        handler.create_agent(config),
        handler.create_synthesizer(config),
    )
    backups = [part.backup for part in parts]
    assert [part.provider for part in parts] == ["deepgram", "openai", "elevenlabs"]
    assert [backup and backup.provider for backup in backups] == [
        "embedded",
        "embedded",
        "sim:elevenlabs-flash-v2.5",
    ]
    synthesizer, voice = parts[2], backups[2]
    assert (synthesizer.voice, synthesizer.model) == ("a-voice", "a-model")
    assert voice is not None
    assert voice.voice != "a-voice"
    assert voice.synthesizer_config["language"] == "en"
    assert [row.key for row in handler.choose_all("llm", config)] == ["openai", "embedded"]


def test_without_a_fallback_there_is_no_backup():
    for named in (None, ""):
        assert keyed().create_agent({"llm": "embedded", "llmFallback": named}).backup is None


def test_one_family_keeps_its_voices():
    config = {"tts": "sim:elevenlabs-flash-v2.5", "voice": "anna"}
    made = VoiceHandler({}).create_synthesizer({**config, "voiceFallback": "sim:cartesia-sonic-3"})
    assert made.backup is not None
    assert made.backup.voice == made.voice == "anna"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"llm": "openai", "llmFallback": "openai"}, "llmFallback is 'openai', and so is llmProv"),
        ({"llmFallback": "openai"}, "llmFallback is 'openai', and so is llmProvider: want another"),
        ({"llm": "openai", "llmFallback": "whisper"}, "Unknown LLM fallback provider: whisper"),
        ({"llm": "openai", "llmFallback": 5}, "Unknown LLM fallback provider: 5"),
    ],
)
def test_what_is_no_fallback(config: dict[str, object], told: str):
    for use in (keyed().create_agent, lambda config: keyed().choose_all("llm", config)):
        with pytest.raises(ConfigError, match=told):
            use(config)


def test_a_fallback_without_its_key_is_told_at_once():
    handler = VoiceHandler({"OPENAI_API_KEY": Secret("x")})
    config = {"llm": "openai", "llmFallback": "anthropic"}
    with pytest.raises(ConfigError, match="set ANTHROPIC_API_KEY"):
        handler.load("llm", config)


def test_vendors_have_an_account_and_nobody_else():
    config = {"llm": "openai", "llmFallback": "embedded", "daily_tokens": 7, "keys": {}}
    agent = keyed().create_agent(config)
    assert agent.account is not None
    assert (agent.account.provider, agent.account.daily) == ("openai", 7)
    assert (agent.account.requests_per_second, agent.account.concurrent_requests) == (10.0, 100)
    assert agent.backup is not None
    assert agent.backup.account is None


def test_the_faults_of_a_run_do_not_befall_a_backup():
    fault = Fault("llm", "http_503", every=True)
    config = {
        "llm": "sim:gpt-4.1",
        "llmFallback": "sim:gpt-4.1-mini",
        "simulation": Simulation(faults=(fault,)),
    }
    agent = VoiceHandler({}).create_agent(config)
    assert agent._watch
    assert not agent.backup._watch
