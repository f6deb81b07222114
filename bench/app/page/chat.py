"""A transcript in, chat messages out: what was heard, struck through what was not, what failed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr

from bench.app.page.bars import STAGE_NAMES, Piece, bar, duration, stages_of, total
from bench.engine.transcript import Message, Sender, Transcript
from bench.metrics.turns import Turn

MOST_MESSAGES = 200  # shown; the exports have all

_MARKUP = re.compile(r"[^\w\s.,;?!'’“”–…-]|_|^[\d-]+")


def messages(
    transcript: Transcript, turns: Mapping[int, Turn], failed: Mapping[int, Sequence[str]]
) -> list[dict[str, Any]]:
    """The conversation for a `gr.Chatbot`; each turn's first answer carries its waterfall, and what
    `failed` in a turn is told at its end."""
    shown: list[dict[str, Any]] = []
    turn, drawn = 0, True
    for message in transcript.event_logs:
        if message.sender is Sender.HUMAN:
            shown += _notes(failed, turn, turn)
            turn, drawn = turn + 1, False
            shown.append({"role": "user", "content": literally(message.text)})
            continue
        shown.append({"role": "assistant", "content": _said(message)})
        if not drawn and turn in turns and (waterfall := _waterfall(turns[turn])):
            shown.append({"role": "assistant", "content": gr.HTML(waterfall)})
            drawn = True
    shown += _notes(failed, turn, max(failed, default=turn))
    return shown[-MOST_MESSAGES:]


def literally(text: str) -> str:
    """Text in which nothing is markup, for a component that reads Markdown and HTML."""
    return _MARKUP.sub(_as_entities, " ".join(text.split()))


def unheard(message: Message) -> str:
    """What was to be said after what was heard."""
    heard = message.text
    intended = message.intended
    return intended[len(heard) :] if intended.startswith(heard) else intended


def _notes(failed: Mapping[int, Sequence[str]], first: int, last: int) -> list[dict[str, Any]]:
    """What failed in the turns from `first` to `last`; the same once for each turn."""
    told = [text for turn in range(first, last + 1) for text in dict.fromkeys(failed.get(turn, ()))]
    notes = [f'<p class="tb-note">{escape(text)}</p>' for text in told]
    return [{"role": "assistant", "content": gr.HTML(note)} for note in notes]


def _as_entities(found: re.Match[str]) -> str:
    return "".join(f"&#{ord(character)};" for character in found.group())


def _said(message: Message) -> str:
    heard = literally(message.text)
    if not message.interrupted:
        return heard
    return f'{heard} <s class="tb-unheard">{literally(unheard(message))}</s>'.strip()


def _waterfall(turn: Turn) -> str:
    pieces = stages_of(turn)
    if not total(pieces):
        return ""
    known = turn.stages.voice_to_voice
    name, seconds = ("voice to voice", known) if known is not None else ("to first sound", None)
    seconds = total(pieces) if seconds is None else seconds
    return (
        f'<div class="tb-small">{bar(pieces)}'
        f"<small>{name} {duration(seconds)} · slowest: {_slowest(pieces)}</small></div>"
    )


def _slowest(pieces: list[Piece]) -> str:
    slow = max(pieces, key=lambda piece: piece.seconds or 0.0)
    return f"{STAGE_NAMES[slow.kind]} {duration(slow.seconds)}"
