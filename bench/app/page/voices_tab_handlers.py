"""What people do on the voices tab in, what it shows then out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import gradio as gr

from bench import clock
from bench.app.page.export import Exports
from bench.app.page.settings_tab_handlers import SettingsHandlers
from bench.app.page.visits import Visit
from bench.app.page.voices_tab_candidates import Candidate, candidate, candidates, price
from bench.app.page.voices_tab_shown import blind, results, tally
from bench.app.page.voices_tab_sounds import Sounds
from bench.app.page.voices_tab_takes import AT_ONCE, Comparison, Maker, Voice
from bench.app.page.voices_tab_votes import (
    ANY,
    Ballot,
    Trial,
    Vote,
    Voted,
    drawn,
    levelled,
    new_seed,
)
from bench.app.page.words import problem
from bench.assembly import assemble_synthesizer, load, read_request
from bench.errors import ConfigError
from bench.providers.known import models_of

MOST_VOICES = 8  # in one comparison
LONGEST = 500  # characters of a sentence
REDRAWN_SECONDS = 0.1  # at most so often
ANYTHING = ("Any of them", ANY)

KINDS = {"csv": "Votes (CSV)", "json": "Votes (JSON)"}


@dataclass(slots=True)
class Desk:
    """What one visitor has: the newest comparison, the votes, and what the last one was about."""

    comparison: Comparison | None = None
    ballot: Ballot = field(default_factory=Ballot)
    revealed: Voted | None = None
    labels: dict[str, str] = field(default_factory=dict[str, str])


class Voices:
    """Every visitor's comparisons, and the sounds they have made; few voices speak at once."""

    def __init__(self) -> None:
        self.sounds = Sounds()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._desks: WeakKeyDictionary[Visit, Desk] = WeakKeyDictionary()
        self._running: WeakSet[Comparison] = WeakSet()

    def of(self, visitor: Visit) -> Desk:
        """What a visitor has."""
        return self._desks.setdefault(visitor, Desk())

    def begin(
        self, visitor: Visit, text: str, chosen: Sequence[Candidate], make: Maker
    ) -> Comparison:
        """Compare anew; what the visitor had is stopped and makes room."""
        desk = self.of(visitor)
        if desk.comparison is not None:
            desk.comparison.stop()
            self.sounds.drop(*(take.sound for take in desk.comparison.takes))
        desk.ballot.trial = desk.revealed = None
        desk.labels |= {one.name: one.label for one in chosen}
        desk.comparison = Comparison(text, chosen, make, self.sounds, self._places)
        self._running.add(desk.comparison)
        return desk.comparison

    async def close(self) -> None:
        """End what still speaks."""
        running = list(self._running)
        for comparison in running:
            comparison.stop()
        for comparison in running:
            await comparison.ended()


class VoicesHandlers:
    """The handlers of the tab; `settling` knows whose request one is and what is ready for them."""

    def __init__(self, voices: Voices, settling: SettingsHandlers, exports: Exports) -> None:
        self.voices = voices
        self.exports = exports
        self._settling = settling

    async def opened(self, request: gr.Request) -> list[Any]:
        """The tab is looked at: the voices there are, and what the visitor has."""
        visit = self._settling.visit(request)
        desk = self.voices.of(visit)
        choices = [(one.label, one.name) for one in self._known(visit)]
        return [
            gr.update(choices=choices),
            results(desk.comparison),
            *_pickers(desk.comparison, anew=False),
            *self._voting(desk),
        ]

    async def compare(
        self, chosen: Sequence[str], text: str, request: gr.Request
    ) -> AsyncIterator[list[Any]]:
        """Have the voices speak: results, what may be pressed, the pickers of a pair, the vote."""
        visit = self._settling.visit(request)
        desk = self.voices.of(visit)
        try:
            found = self._chosen(visit, chosen)
            text = _sentence(text)
        except ConfigError as error:
            yield [problem(str(error)) + results(desk.comparison), *[gr.skip()] * 11]
            return
        comparison = self.voices.begin(visit, text, found, self._maker(visit))
        rest = [*_pickers(None), *self._voting(desk)]
        while not comparison.over:
            news = comparison.news
            yield [results(comparison), *_pressable(running=True), *rest]
            rest = [gr.skip()] * len(rest)
            await news.wait()
            await clock.sleep(REDRAWN_SECONDS)
        if desk.comparison is comparison:
            yield [
                results(comparison),
                *_pressable(running=False),
                *_pickers(comparison),
                *self._voting(desk),
            ]

    async def stop(self, request: gr.Request) -> None:
        """Call the comparison off; who watches it shows what became of it."""
        comparison = self.voices.of(self._settling.visit(request)).comparison
        if comparison is not None:
            comparison.stop()

    async def listen(self, first: str, second: str, request: gr.Request) -> list[Any]:
        """Two of the voices under other names."""
        desk = self.voices.of(self._settling.visit(request))
        comparison, seed = desk.comparison, new_seed()
        try:
            made = comparison.made if comparison is not None else []
            a, b = drawn(seed, made, first or ANY, second or ANY)
            sounds = await asyncio.to_thread(levelled, a, b, self.voices.sounds)
        except ConfigError as error:
            return self._told(desk, error)
        if desk.ballot.trial is not None:
            self.voices.sounds.drop(*desk.ballot.trial.sounds)
        sentence = comparison.text if comparison is not None else ""
        desk.ballot.trial = Trial(seed, sentence, a, b, sounds)
        return self._voting(desk)

    def vote(self, vote: Vote) -> Callable[..., Any]:
        """One of them is preferred, or neither: who was who, and the tally."""

        async def vote_(request: gr.Request) -> list[Any]:
            desk = self.voices.of(self._settling.visit(request))
            trial = desk.ballot.trial
            try:
                desk.revealed = desk.ballot.vote(vote)
            except ConfigError as error:
                return self._told(desk, error)
            if trial is not None:
                self.voices.sounds.drop(*trial.sounds)
            return self._voting(desk)

        return vote_

    def export(self, kind: str) -> Callable[..., Any]:
        """All votes as a file of a kind, or words when there are none."""

        async def export(request: gr.Request) -> list[Any]:
            visit = self._settling.visit(request)
            ballot = self.voices.of(visit).ballot
            if not ballot.votes:
                return [None, problem("There is no vote yet.")]
            text = ballot.as_csv() if kind == "csv" else ballot.as_json()
            name = f"talkbench-votes-{visit.ticket.session[:8]}.{kind}"
            return [str(self.exports.write_text(name, text)), ""]

        return export

    def _known(self, visit: Visit) -> list[Candidate]:
        return candidates(self._settling.offers(visit))

    def _chosen(self, visit: Visit, chosen: Sequence[str]) -> list[Candidate]:
        names = list(dict.fromkeys(chosen or ()))
        if not 1 <= len(names) <= MOST_VOICES:
            raise ConfigError(f"Choose 1 to {MOST_VOICES} voices.")
        known = self._known(visit)
        return [candidate(str(name), known) for name in names]

    def _maker(self, visit: Visit) -> Maker:
        base = visit.base

        async def make(of: Candidate) -> Voice:
            await asyncio.to_thread(load, of.request, "voice", base=base)
            services = read_request(of.request, base).services
            models, _ = models_of("voice", of.provider, services.chosen())
            model = services.voice_model or next(iter(models), None)
            return Voice(assemble_synthesizer(of.request, base=base), price(of, model))

        return make

    def _told(self, desk: Desk, error: ConfigError) -> list[Any]:
        """What was wrong, above the pair that is heard."""
        heard = blind(desk.ballot, desk.revealed, desk.labels)
        return [problem(str(error)) + heard, *[gr.skip()] * 5]

    def _voting(self, desk: Desk) -> list[Any]:
        """The pair that is heard, the tally, the three buttons, what was wrong with an export."""
        pending = desk.ballot.trial is not None
        return [
            blind(desk.ballot, desk.revealed, desk.labels),
            tally(desk.ballot, desk.labels),
            *[gr.update(interactive=pending)] * 3,
            "",
        ]


def _sentence(text: str) -> str:
    text = " ".join((text or "").split())
    if not text:
        raise ConfigError("Write a sentence for them to say.")
    if len(text) > LONGEST:
        raise ConfigError(f"That is {len(text)} characters: {LONGEST} at most.")
    return text


def _pickers(comparison: Comparison | None, *, anew: bool = True) -> list[Any]:
    """The two voices of a pair, chosen `anew` or as they are, and the button that plays them."""
    made = comparison.made if comparison is not None else []
    choices = [ANYTHING, *((take.candidate.label, take.candidate.name) for take in made)]
    picker = gr.update(choices=choices, value=ANY) if anew else gr.update(choices=choices)
    return [picker, picker, gr.update(interactive=len(made) > 1)]


def _pressable(*, running: bool) -> list[Any]:
    return [gr.update(interactive=not running), gr.update(interactive=running)]
