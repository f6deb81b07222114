"""The block `setup` in, how a scenario is run out."""

from __future__ import annotations

from typing import Any, Literal

from bench import config
from bench.engine.settings import ConversationSettings
from bench.errors import ConfigError
from bench.replay.document import Node
from bench.replay.scenario import Channel, Jitter, Loss, Noise, Playout, Setup, Voice
from bench.replay.sections import Section, existing_file, text, texts
from bench.settings import ALIASES, ProviderSettings, ServiceSettings

PROVIDER_KEYS = (*ALIASES, *ALIASES.values())
KEYS = (
    "clock",
    "seed",
    "repeat",
    "max_s",
    "audio",
    "voice",
    "channel",
    "playout",
    "vad",
    "settings",
    "fallback",
    "language",
    "keyterms",
    *PROVIDER_KEYS,
)
Model = Literal["random", "gilbert"]
MODELS: tuple[Model, ...] = ("random", "gilbert")
NOISES = ("pink", "babble", "hum", "white")
LONGEST_SECONDS = 3600.0


def setup_of(node: Node | None) -> Setup:
    """The setup; the defaults when the block is not there."""
    if node is None:
        return Setup()
    section = Section(node, KEYS)
    audio = section.get("audio")
    return Setup(
        clock=section.choice("clock", ("virtual", "wall"), "virtual"),
        seed=section.whole("seed", 0, 0, 2**53),
        repeat=section.whole("repeat", 1, 1, 10_000),
        max_seconds=section.seconds("max_s", 60.0, 0.5, LONGEST_SECONDS),
        frame_seconds=_frame_seconds(audio) if audio is not None else 0.02,
        voice=voice_of(section["voice"]) if "voice" in section else Voice(),
        channel=_channel(section["channel"]) if "channel" in section else Channel(),
        playout=_playout(section["playout"]) if "playout" in section else Playout(),
        vad=section.flag("vad", True),
        settings=_settings(section["settings"]) if "settings" in section else {},
        language=_language(section["language"]) if "language" in section else None,
        keyterms=_keyterms(section["keyterms"]) if "keyterms" in section else (),
    )


def voice_of(node: Node, base: Voice = Voice()) -> Voice:  # noqa: B008 (it is frozen)
    """A user's voice, what is not said of it as in `base`."""
    section = Section(node, ("engine", "name", "speed", "pitch"))
    section.choice("engine", ("espeak-ng",), "espeak-ng")
    return Voice(
        name=section.text("name", base.name),
        speed=section.number("speed", base.speed, 0.5, 2.7),
        pitch=section.whole("pitch", base.pitch, 0, 99),
    )


def _language(node: Node) -> str:
    try:
        return ServiceSettings(language=text(node)).language or ""
    except ConfigError as error:
        raise node.wrong(str(error).removeprefix("language ")) from None


def _keyterms(node: Node) -> tuple[str, ...]:
    try:
        return ProviderSettings(keyterms=texts(node)).keyterms
    except ConfigError as error:
        raise node.wrong(str(error).removeprefix("keyterms ")) from None


def _frame_seconds(node: Node) -> float:
    section = Section(node, ("rate", "frame_ms"))
    if section.whole("rate", 16_000, 0, 1_000_000) != 16_000:
        raise section["rate"].wrong(f"is {section['rate'].shown}", "16000")
    return section.seconds("frame_ms", 0.02, 0.01, 0.1)


def _channel(node: Node) -> Channel:
    section = Section(node, ("codec", "noise", "loss", "jitter", "delay_ms", "echo_db"))
    return Channel(
        codec=section.choice("codec", ("none", "pcmu-8k"), "none"),
        noise=_noise(section["noise"]) if "noise" in section else None,
        loss=_loss(section["loss"]) if "loss" in section else None,
        jitter=_jitter(section["jitter"]) if "jitter" in section else None,
        delay_seconds=section.seconds("delay_ms", 0.0, 0.0, 5.0),
        echo_db=section.number("echo_db", 0.0, -90, 0, "dB") if "echo_db" in section else None,
    )


def _noise(node: Node) -> Noise:
    section = Section(node, ("kind", "file", "snr_db"), required=("snr_db",))
    which = section.exactly_one(("kind", "file"))
    snr_db = section.number("snr_db", 0.0, -20, 60, "dB")
    if which == "file":
        return Noise(snr_db, "file", existing_file(section["file"], "a sound file"))
    return Noise(snr_db, section.choice("kind", NOISES, "pink"))


def _loss(node: Node) -> Loss:
    section = Section(node, ("model", "rate", "burst_ms", "conceal"), required=("rate",))
    model: Model = section.choice("model", MODELS, "random")
    if model == "random" and "burst_ms" in section:
        raise section["burst_ms"].wrong("random loss has no bursts", "burst_ms with model: gilbert")
    return Loss(
        rate=section.number("rate", 0.0, 0, 0.9),
        model=model,
        burst_seconds=section.seconds("burst_ms", 0.1, 0.02, 5.0),
        conceal=section.flag("conceal", True),
    )


def _jitter(node: Node) -> Jitter:
    section = Section(node, ("shape", "mean_ms"), required=("mean_ms",))
    section.choice("shape", ("gamma",), "gamma")
    return Jitter(section.seconds("mean_ms", 0.0, 0.0, 2.0))


def _playout(node: Node) -> Playout:
    section = Section(node, ("buffer_ms", "report_every_ms", "report_delay_ms", "reports"))
    default = Playout()
    return Playout(
        buffer_seconds=section.seconds("buffer_ms", default.buffer_seconds, 0.0, 5.0),
        report_every_seconds=section.seconds(
            "report_every_ms", default.report_every_seconds, 0.01, 5.0
        ),
        report_delay_seconds=section.seconds(
            "report_delay_ms", default.report_delay_seconds, 0.0, 5.0
        ),
        reports=section.flag("reports", True),
    )


def _settings(node: Node) -> dict[str, Any]:
    """Settings of the conversation by name, each of its type and all of them possible together."""
    known = config.types_of(ConversationSettings)
    section = Section(node, tuple(known))
    settings: dict[str, Any] = {}
    for name in section.keys():
        value = section[name]
        try:
            settings[name] = config.converted(known[name], name, _bare(value))
            ConversationSettings().changed(**{name: settings[name]})
        except ConfigError as error:
            alone = str(error)
            if name not in ("lead_seconds", "chunk_seconds") or "want at least" not in alone:
                raise value.wrong(alone.removeprefix(f"{name} ")) from None
    try:
        ConversationSettings().changed(**settings)
    except ConfigError as error:
        raise node.wrong(str(error)) from None
    return settings


def _bare(node: Node) -> object:
    """A value without its place, as far as a setting can hold it."""
    if isinstance(node.value, list):
        return [text(item) for item in node.value]
    return node.value
