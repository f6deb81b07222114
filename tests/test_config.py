"""Settings come from where they are said to, later over earlier, and no name is taken on trust."""

import copy
import pickle
from pathlib import Path

import pytest

from bench import config
from bench.engine.settings import ConversationSettings
from bench.errors import ConfigError
from bench.settings import AppSettings, ProviderSettings, Secret

pytestmark = pytest.mark.unit

KEY = "not-a-real-key-0123456789abcdef"


def load(folder: Path, environment: dict[str, str] | None = None, **files: str):
    for name, text in files.items():
        (folder / {"yaml": "talkbench.yaml", "env": ".env"}[name]).write_text(text, "utf-8")
    return config.load(ConversationSettings, folder=folder, environment=environment or {})


def test_without_files_and_variables_there_are_the_defaults(tmp_path: Path):
    loaded = load(tmp_path)
    assert loaded.conversation == ConversationSettings()
    assert loaded.providers == ProviderSettings()
    assert (loaded.app.host, loaded.app.port, loaded.app.conversations) == ("127.0.0.1", 7860, 50)
    limits = loaded.app.reconnect_grace_seconds, loaded.app.idle_limit_seconds
    assert (*limits, loaded.app.session_limit_seconds) == (60.0, 300.0, 3600.0)
    assert loaded.keys == {}


def test_a_variable_wins_over_the_file(tmp_path: Path):
    loaded = load(
        tmp_path,
        {"TALKBENCH_PORT": "8100", "TALKBENCH_BARGE_IN": "never", "TALKBENCH_LLM": "openai"},
        yaml="app: {port: 8000, host: 0.0.0.0}\n"
        "conversation: {barge_in: on-vad, idle_seconds: null, idle_prompts: ['Well?']}\n"
        "providers: {stt: deepgram, llmProvider: gemini}\n",
    )
    assert (loaded.app.port, loaded.app.host) == (8100, "0.0.0.0")
    assert (loaded.conversation.barge_in, loaded.conversation.idle_seconds) == ("never", None)
    assert loaded.conversation.idle_prompts == ("Well?",)
    assert loaded.providers.transcriberProvider == "deepgram"
    assert loaded.providers.llmProvider == "openai"


def test_services_that_are_set_are_as_an_agent_config_has_them(tmp_path: Path):
    address = "http://127.0.0.1:11434/v1"
    loaded = load(
        tmp_path, {"TALKBENCH_OPENAI_BASE_URL": address}, yaml="services: {llm_model: a-model}"
    )
    assert loaded.services.chosen() == {"llm_model": "a-model", "openai_base_url": address}


def test_variables_are_read_as_what_they_set(tmp_path: Path):
    loaded = load(
        tmp_path,
        {
            "TALKBENCH_IDLE_SECONDS": "none",
            "TALKBENCH_END_OF_TURN_SECONDS": "1",
            "TALKBENCH_GREETING_INTERRUPTIBLE": "False",
            "TALKBENCH_IDLE_PROMPTS": '["Hm?", "Yes?"]',
            "TALKBENCH_GREETING": "7",
            "TALKBENCH_TRANSCRIBER_PROVIDER": "azure",
        },
    )
    talk = loaded.conversation
    assert (talk.idle_seconds, talk.end_of_turn_seconds) == (None, 1.0)
    assert (talk.greeting_interruptible, talk.idle_prompts) == (False, ("Hm?", "Yes?"))
    assert talk.greeting == "7"
    assert loaded.providers.transcriberProvider == "azure"


@pytest.mark.parametrize(
    ("yaml", "told"),
    [
        ("talk: {}", "talkbench.yaml: talk is unknown; known are: app, conversation, providers"),
        ("app: {prot: 1}", "talkbench.yaml: app.prot is unknown, did you mean 'port'?; known"),
        ("app: {port: '1'}", "talkbench.yaml: app.port: port is '1': want a whole number"),
        ("app: {port: true}", "app.port: port is True: want a whole number"),
        ("app: {port: 70000}", "app.port: port is 70000: want 0 to 65535"),
        ("app: {conversations: 0}", "conversations is 0: want at least 1"),
        ("app: {secret: x}", "app.secret is unknown"),
        ("conversation: {barge_in: shout}", "conversation.barge_in: barge_in is 'shout': want"),
        ("conversation: {greeting: 5}", "greeting is 5: want a text"),
        ("conversation: {idle_prompts: Well}", "idle_prompts is 'Well': want a list of texts"),
        ("conversation: {idle_prompts: [1]}", "idle_prompts is 1: want a text"),
        ("conversation: {goodbye: null}", "goodbye is nothing: want a text"),
        ("conversation: [1]", "talkbench.yaml: conversation: want names with values"),
        ("providers: {pitch: 100}", "providers.pitch: pitch is 100: want 0 to 99"),
        ("providers: {transcriber_mode: all}", "transcriber_mode is 'all': want vocabulary or op"),
        ("providers: {speed: 1.2, words_per_minute: 200}", "say the same: give one of them"),
        (
            "services: {openai_base_url: 'file:///x'}",
            "services.openai_base_url: openai_base_url",
        ),
        (
            "services: {deepgram_url: 'http://x'}",
            "deepgram_url is no address: want wss:// or ws://",
        ),
        ("app:\n  port: [", "talkbench.yaml, line 2: this is not YAML"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, yaml: str, told: str):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, yaml=yaml)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("TALKBENCH_PROT", "1", "TALKBENCH_PROT is unknown, did you mean 'TALKBENCH_PORT'?; known"),
        ("TALKBENCH_PORT", "many", "TALKBENCH_PORT: port is 'many': want a whole number"),
        ("TALKBENCH_ECHO", "loud", "TALKBENCH_ECHO: echo is 'loud': want browser-aec or mute"),
        ("TALKBENCH_CONFIG", "gone.yaml", "TALKBENCH_CONFIG names gone.yaml, which is not there"),
    ],
)
def test_what_a_variable_may_not_say(tmp_path: Path, variable: str, value: str, told: str):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, {variable: value})
    assert told in str(refused.value)


def test_another_file_may_be_named(tmp_path: Path):
    (tmp_path / "loud.yaml").write_text("app: {port: 8001}")
    loaded = load(tmp_path, {"TALKBENCH_CONFIG": "loud.yaml", "TALKBENCH_REQUIRE_BROWSER": "1"})
    assert loaded.app.port == 8001


def test_keys_come_from_the_environment_else_from_the_file_of_keys(tmp_path: Path):
    loaded = load(
        tmp_path,
        {"OPENAI_API_KEY": "from the environment", "ELEVENLABS_API_KEY": "", "HOME": "/x"},
        env="# mine\n\nexport OPENAI_API_KEY=from-the-file\n"
        f"DEEPGRAM_API_KEY='{KEY}'\nGEMINI_API_KEY=abc # the small one\nPLAYHT_USER_ID=\n"
        "TALKBENCH_SECRET=signs\nTALKBENCH_TOKEN=opens\n",
    )
    revealed = {name: key.reveal() for name, key in loaded.keys.items()}
    assert revealed == {
        "OPENAI_API_KEY": "from the environment",
        "DEEPGRAM_API_KEY": KEY,
        "GEMINI_API_KEY": "abc",
    }
    assert loaded.app.secret.reveal() == "signs"
    assert loaded.app.token == Secret("opens")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("TALKBENCH_PORT=1", ".env holds keys only; line 2: TALKBENCH_PORT is unknown"),
        (
            f"DEEPGRAM_KEY={KEY}",
            "line 2: DEEPGRAM_KEY is unknown, did you mean 'DEEPGRAM_API_KEY'?",
        ),
        (KEY, ".env, line 2: want NAME=value"),
    ],
)
def test_the_file_of_keys_holds_keys_and_an_error_shows_none(tmp_path: Path, line: str, told: str):
    with pytest.raises(ConfigError) as refused:
        load(tmp_path, env=f"#\n{line}\n")
    assert told in str(refused.value)
    assert KEY not in str(refused.value)


def test_a_secret_does_not_show():
    secret = Secret(KEY)
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{[secret]}",
        repr(AppSettings(secret=secret)),
    ]
    assert not [text for text in shown if KEY in text]
    assert secret.reveal() == KEY
    assert secret == Secret(KEY) != Secret("")
    for copier in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match="neither copied nor written"):
            copier(secret)


def test_a_secret_to_sign_with_is_made_anew_at_each_start():
    assert AppSettings().secret != AppSettings().secret
