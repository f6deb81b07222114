"""Settings in, a conversation out: the one file that knows everybody.

A request is what a session asks for: one flat mapping, as it stands in the socket's `start`, a
scenario's `setup` or the page's settings. It may name the providers and how they speak
(`ProviderSettings`), the language, models that the table of providers has for them, and the
conversation's settings, but those in `OWNERS_ONLY`: they decide what a session may cost, so they
are set in `talkbench.yaml` or the environment alone.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from bench import config
from bench.audio import frames
from bench.config import Config, converted, types_of
from bench.engine.conversation import StreamingConversation
from bench.engine.output import OutputDevice
from bench.engine.settings import ConversationSettings
from bench.engine.synthesizer import BaseSynthesizer
from bench.engine.vad import WINDOW
from bench.errors import ConfigError
from bench.providers.front_desk import SLOTS, TEMPLATES
from bench.providers.handler import LONGEST_NAME, ROLES, VoiceHandler, fallback_config
from bench.providers.known import RECORDED_PREFIX, Role, models_of, of_another
from bench.settings import ALIASES, ProviderSettings, ServiceSettings
from bench.speech.silero import SileroStream
from bench.speech.sphinx import build_vocabulary
from bench.trace import Trace

Settings = Config[ConversationSettings]
Asked = dict[str, Any]

LONGEST_TEXT = 500  # characters of a text that a session may have spoken
MOST_TEXTS = 20
LONGEST_VOICE = 200  # characters of a vendor's name for one
OWNERS_ONLY = frozenset(
    {
        "chunk_seconds",
        "cleared_wait_seconds",
        "first_result_seconds",
        "lead_seconds",
        "measure_joins",
        "stall_seconds",
        "tool_seconds",
    }
)
VOICE = frozenset(
    "voiceProvider voiceFallback voice voice_model words_per_minute speed pitch".split()
)
"""What makes a voice."""

MODELS: dict[str, Role] = {
    "transcriber_model": "transcriber",
    "llm_model": "llm",
    "voice_model": "voice",
}
"""Settings that a session may choose from the table of providers, and whose they are."""
LANGUAGE = "language"  # of all three


@dataclass(frozen=True, slots=True)
class Request:
    """What a session asked for, checked: who speaks and how, with which of the services, and the
    settings that it changes."""

    providers: ProviderSettings
    services: ServiceSettings
    changes: Mapping[str, Any]


@functools.cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises:
        ConfigError: what a file or a variable says cannot be.
    """
    return config.load(ConversationSettings)


def check(base: Settings) -> None:
    """Raise `ConfigError` when one of the providers that are set, or a fallback, cannot be used as
    things are."""
    for role in ROLES:
        VoiceHandler(base.keys).choose_all(role, _agent_config(base.providers, base.services))


async def warm_up(base: Settings) -> None:
    """Load and start what every conversation needs, so that the first one does not wait for it.

    Raises:
        ConfigError, ConnectFailed: an engine is not there or does not start.
    """
    SileroStream()
    chosen = base.providers
    for role in ROLES:
        VoiceHandler(base.keys).load(role, _agent_config(chosen, base.services))
    ears = chosen.transcriberProvider, chosen.transcriberFallback
    if "embedded" not in (*ears, chosen.voiceProvider, chosen.voiceFallback):
        return
    from bench.providers import embedded  # only those who use it pay for it

    words, wide = None, chosen.transcriber_mode == "open"
    talks = chosen.llmProvider == "embedded" or chosen.llmProvider.startswith("sim:")
    if "embedded" in ears and talks and not wide:
        words = await asyncio.to_thread(build_vocabulary, TEMPLATES, SLOTS)
    await embedded.warm_up(words, open_speech=wide)


def load(request: Mapping[str, Any], *roles: Role, base: Settings) -> None:
    """Import the adapters that a request names for these roles, or for all, in whatever thread: an
    SDK may take seconds. Raises as `assemble`."""
    asked = read_request(request, base)
    for role in roles or ROLES:
        VoiceHandler(base.keys).load(role, _agent_config(asked.providers, asked.services))


def cool_down() -> None:
    """End the engines that run in processes of their own; the next use starts them anew."""
    if embedded := sys.modules.get("bench.providers.embedded"):
        embedded.close_engines()


def assemble(
    request: Mapping[str, Any],
    output_device: OutputDevice,
    *,
    trace: Trace | None = None,
    base: Settings | None = None,
    conversation_id: str = "",
    parts: Mapping[str, Any] | None = None,
    vad: bool = True,
) -> StreamingConversation:
    """A conversation, ready to start, that says what it plays to `output_device`.

    `base` holds the settings that the request changes, those of this process unless given. `parts`
    is added to the agent config, for providers that want more than settings. Without `vad` only
    words tell that the user speaks.

    Raises:
        ConfigError: the request names what is unknown, impossible or not its to set, or a provider
            that cannot be used; an unknown provider is a `ValueError` too.
    """
    base = settings() if base is None else base
    asked = read_request(request, base)
    handler = VoiceHandler(base.keys)
    agent_config = _agent_config(asked.providers, asked.services) | dict(parts or {})
    agent = handler.create_agent(agent_config)
    wanted = dataclasses.replace(base.conversation, **asked.changes)
    if wanted.greeting is None:
        wanted = wanted.changed(greeting=getattr(agent, "greeting", None))
    return StreamingConversation(
        output_device=output_device,
        transcriber=handler.create_transcriber(agent_config),
        agent=agent,
        synthesizer=handler.create_synthesizer(agent_config),
        vad=SileroStream().probability if vad else None,
        trace=trace,
        conversation_id=conversation_id,
        **{name: getattr(wanted, name) for name in ConversationSettings.names()},
    )


def assemble_synthesizer(
    request: Mapping[str, Any], *, base: Settings | None = None
) -> BaseSynthesizer:
    """The voice that a request names, for a preview or a change of voice; raises as `assemble`."""
    base = settings() if base is None else base
    asked = read_request(request, base)
    agent_config = _agent_config(asked.providers, asked.services)
    return VoiceHandler(base.keys).create_synthesizer(agent_config)


def assemble_changes(request: Mapping[str, Any], *, base: Settings | None = None) -> dict[str, Any]:
    """What a request changes in a conversation under way: the keywords of its `change`.

    `request` is all that the session asked for so far, newest values included. Who listens and who
    answers is settled when a conversation begins. Raises as `assemble`.
    """
    base = settings() if base is None else base
    asked = read_request(request, base)
    changes = dict(asked.changes)
    if VOICE & {ALIASES.get(name, name) for name in request}:
        agent_config = _agent_config(asked.providers, asked.services)
        changes["synthesizer"] = VoiceHandler(base.keys).create_synthesizer(agent_config)
    return changes


def surest_speech(pcm: bytes) -> float:
    """The highest probability of speech (0 to 1) in any 32 ms of the audio."""
    stream = SileroStream()
    windows = [window for window in frames(pcm, 2 * WINDOW) if len(window) == 2 * WINDOW]
    return max((stream.probability(window) for window in windows), default=0.0)


def read_request(request: Mapping[str, Any], base: Settings) -> Request:
    """Check a request against what a session may ask for.

    Raises:
        ConfigError: an unknown name (the message lists the known), a wrong type, an impossible
            value, a model that is not in the table, or a setting that is the owner's.
    """
    providers, models, changes = _sorted(request, base)
    if providers.get("words_per_minute") is not None:
        providers.setdefault("speed", None)
    elif providers.get("speed") is not None:
        providers.setdefault("words_per_minute", None)
    dataclasses.replace(base.conversation, **changes)  # refuses impossible values
    chosen = dataclasses.replace(base.providers, **providers)
    another = of_another(base.providers.voiceProvider, chosen.voiceProvider)
    if another and "voice" not in providers:
        chosen = dataclasses.replace(chosen, voice=None)
    for role in ROLES:
        fallback_config(role, _agent_config(chosen))  # refuses a provider as its own backup
    return Request(chosen, _with_models(chosen, models, base.services), changes)


def _sorted(request: Mapping[str, Any], base: Settings) -> tuple[Asked, Asked, Asked]:
    """What is asked of the providers, of their models and of the conversation, each by its name
    and of its type."""
    providers, models, changes = Asked(), Asked(), Asked()
    of_provider, of_conversation = types_of(ProviderSettings), types_of(ConversationSettings)
    for asked, value in request.items():
        name = ALIASES.get(asked, asked)
        if name in OWNERS_ONLY:
            raise ConfigError(f"{name} is not for a session to set: it stands in talkbench.yaml")
        if name in of_provider:
            providers[name] = _allowed(name, converted(of_provider[name], asked, value), base)
        elif name in MODELS or name == LANGUAGE:
            models[name] = converted(types_of(ServiceSettings)[name], asked, value)
        elif name in of_conversation:
            changes[name] = _short(name, converted(of_conversation[name], asked, value))
        else:
            known = ", ".join(may_ask_for())
            raise ConfigError(f"unknown setting {asked[:LONGEST_NAME]}; known are: {known}")
    return providers, models, changes


def _with_models(
    chosen: ProviderSettings, asked: Mapping[str, Any], own: ServiceSettings
) -> ServiceSettings:
    """The owner's services with the models and the language that a session asked for; a model of
    another provider's than the session has chosen is left out.

    Raises:
        ConfigError: the provider's row in the table has no such model, nor has the owner set it.
    """
    models = dict[str, Any]()
    for name, role in MODELS.items():
        provider, owners = getattr(chosen, ROLES[role][0]), getattr(own, name)
        known, others = models_of(role, provider, own.chosen())
        model = asked.get(name)
        models[name] = (None if owners in others else owners) if model is None else model
        if model not in (None, owners, *known):
            told = f"known are: {', '.join(known)}" if known else "it has none to choose from"
            raise ConfigError(f"{name} {model[:LONGEST_NAME]!r} is not known of {provider}: {told}")
    models[LANGUAGE] = asked.get(LANGUAGE) or own.language
    return dataclasses.replace(own, **models)


def _allowed(name: str, value: Any, base: Settings) -> Any:
    """Refuse the name of a folder on this machine, unless its owner has set it, and what cannot be
    a name."""
    if str(value).startswith(RECORDED_PREFIX) and value != getattr(base.providers, name):
        raise ConfigError(f"{name}: a cassette is not for a session to choose")
    if isinstance(value, str) and not (len(value) <= LONGEST_VOICE and value.isprintable()):
        raise ConfigError(f"{name} is no name: want {LONGEST_VOICE} printable characters at most")
    return value


def may_ask_for() -> list[str]:
    """The names that a request may hold, sorted."""
    names = {*types_of(ProviderSettings), *types_of(ConversationSettings), *ALIASES, *MODELS}
    return sorted(names - OWNERS_ONLY | {LANGUAGE})


def _agent_config(
    providers: ProviderSettings, services: ServiceSettings | None = None
) -> dict[str, Any]:
    """The agent config for `VoiceHandler`: what is set."""
    chosen = {name: getattr(providers, name) for name in types_of(ProviderSettings)}
    of_services = services.chosen() if services is not None else {}
    return {name: value for name, value in chosen.items() if value is not None} | of_services


def _short(name: str, value: Any) -> Any:
    """Refuse texts that would keep a voice busy for minutes."""
    texts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    if len(texts) > MOST_TEXTS:
        raise ConfigError(f"{name} holds {len(texts)} texts: want {MOST_TEXTS} at most")
    if any(isinstance(text, str) and len(text) > LONGEST_TEXT for text in texts):
        raise ConfigError(f"{name} is too long: want {LONGEST_TEXT} characters at most")
    return cast("object", value)
