"""What people set on the page in, what it shows then out: settings, keys, a voice to try."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from bench.app.failures import briefly
from bench.app.page import words
from bench.app.page.choices import Offer, offers
from bench.app.page.controls import Control, Shown, providers_table
from bench.app.page.preview import MOST_LETTERS, player, spoken
from bench.app.page.visits import Visit, Visits, defaults
from bench.app.page.words import problem
from bench.assembly import MODELS, Settings, assemble_synthesizer, load
from bench.engine.synthesizer import BaseSynthesizer
from bench.errors import ConfigError, TalkbenchError
from bench.providers.handler import ROLES, ProviderState, Role
from bench.providers.known import FRONT_DESKS

Voice = Callable[[dict[str, Any]], BaseSynthesizer]
WHOSE: dict[str, Role] = {}
for _role, (_setting, _, _) in ROLES.items():
    WHOSE |= {_setting: _role, f"{_role}Fallback": _role}
"""The settings that name a provider, and its role."""


class SettingsHandlers:
    """The handlers of the tab; all run on the loop of the sockets.

    `states` are the providers that tabs may choose, as they are without the tabs' own keys; `voice`
    makes the synthesizer for previews of what a tab asks for.
    """

    def __init__(
        self,
        visits: Visits,
        base: Settings,
        states: Sequence[ProviderState],
        voice: Voice | None = None,
    ) -> None:
        self.base = base
        self.states = states
        self._visits = visits
        self._voice = voice

    def visit(self, request: gr.Request) -> Visit:
        """Whose request that is, also after a reload of the page."""
        return self._visits.of(request.session_hash)

    def offers(self, visit: Visit) -> list[Offer]:
        """The providers as a tab may have them."""
        return offers(self.states, self.base.keys, visit.base.keys, self.base.services.chosen())

    def shown(self, visit: Visit) -> Shown:
        """What a tab's controls are made of."""
        return Shown(defaults(self.base, visit.asked), self.offers(visit), self.base)

    def load(self, controls: Sequence[Control]) -> Callable[..., Any]:
        """The page was opened or reloaded: every control, and the table of providers."""

        async def load(kept: object, request: gr.Request) -> list[Any]:
            visit = self._visits.enter(request.session_hash, kept)
            return self._all(visit, controls)

        return load

    def change(self, control: Control, beside: Sequence[Control]) -> Callable[..., Any]:
        """A control was changed: the strip's start, what to say about it, and the controls `beside`
        it that depend on it. With the start goes what was `refused`: the page takes that back
        unless something else was chosen meanwhile."""

        async def change(value: Any, request: gr.Request) -> list[Any]:
            visit = self.visit(request)
            if value == self._now(visit, control):
                return [gr.skip()] * (2 + len(beside))
            try:
                with visit.changing():
                    asked = await self._possible(visit, control, value)
                    before = self.shown(visit)
                    visit.ask(**asked)
            except ConfigError as error:
                back = self._now(visit, control)
                refused = {"name": control.name, "value": value, "back": back}
                start = {"start": visit.start(), "refused": refused}
                return [start, problem(str(error)), *([gr.skip()] * len(beside))]
            after = self.shown(visit)
            changed = [_difference(one, before, after) for one in beside]
            return [{"start": visit.start()}, control.applies, *changed]

        return change

    def give(self, variables: Sequence[str], controls: Sequence[Control]) -> Callable[..., Any]:
        """Keys were typed: the fields, empty again, what to say, and everything that may be ready
        now."""

        async def give(request: gr.Request, *texts: str) -> list[Any]:
            visit = self.visit(request)
            given = {name: text for name, text in zip(variables, texts, strict=True) if text}
            told = self._given(visit, given)
            return ["" for _ in variables] + [told, *self._offered(visit, controls)]

        return give

    def forget(self, controls: Sequence[Control]) -> Callable[..., Any]:
        """The keys of a tab are to be forgotten: what to say, and everything that is not ready any
        more."""

        async def forget(request: gr.Request) -> list[Any]:
            visit = self.visit(request)
            visit.keys.forget()
            return [words.KEYS_FORGOTTEN, *self._offered(visit, controls)]

        return forget

    async def preview(self, text: str, request: gr.Request) -> str:
        """How the chosen voice says the text; empty text was spoken by the conversation."""
        text = " ".join((text or "").split())
        if not text:
            return ""
        if len(text) > MOST_LETTERS:
            return problem(words.TOO_LONG_TO_SAY.format(most=MOST_LETTERS))
        visit = self.visit(request)
        try:
            if self._voice is not None:
                voice = self._voice(visit.asked)
            else:
                await asyncio.to_thread(load, visit.asked, "voice", base=visit.base)
                voice = assemble_synthesizer(visit.asked, base=visit.base)
            return player(await spoken(voice, text), text)
        except TimeoutError:
            return problem(words.PREVIEW_FAILED.format(why="it took too long"))
        except TalkbenchError as error:
            return problem(words.PREVIEW_FAILED.format(why=briefly(error, "voice")))

    def _all(self, visit: Visit, controls: Sequence[Control]) -> list[Any]:
        shown = self.shown(visit)
        return [providers_table(shown.every), *(control.update(shown) for control in controls)]

    def _offered(self, visit: Visit, controls: Sequence[Control]) -> list[Any]:
        """What is offered now; what is chosen stays, since somebody may be choosing."""
        shown = self.shown(visit)
        return [providers_table(shown.every), *(control.offer(shown) for control in controls)]

    def _now(self, visit: Visit, control: Control) -> Any:
        return control.value(defaults(self.base, visit.asked))

    async def _possible(self, visit: Visit, control: Control, value: Any) -> dict[str, Any]:
        """What a change comes to, which takes as long as its SDK takes to be imported.

        Raises:
            ConfigError: it cannot be.
        """
        self._refuse_what_is_not_ready(visit, control.name, value)
        asked = self._asked(control.name, control.asked(value))
        asked |= self._understanding(visit, asked, control.name)
        if (role := WHOSE.get(control.name)) is not None:
            await asyncio.to_thread(load, visit.asked | asked, role, base=visit.base)
        return asked

    def _asked(self, name: str, value: Any) -> dict[str, Any]:
        """What a change comes to: another provider goes by other names for models and voices."""
        asked = {name: value}
        role = next((role for role in ROLES if ROLES[role][0] == name), None)
        if role is not None:
            asked |= {model: None for model, of in MODELS.items() if of == role}
        if role == "voice":
            own = self.base.providers
            asked["voice"] = own.voice if value == own.voiceProvider else None
        return asked

    def _understanding(self, visit: Visit, asked: dict[str, Any], name: str) -> dict[str, Any]:
        """PocketSphinx knows what callers of the front desk say; with another agent it has to take
        any words.

        Raises:
            ConfigError: the other mode was chosen where it knows nothing.
        """
        then = defaults(self.base, visit.asked | asked)
        ears = then["transcriberProvider"], then["transcriberFallback"]
        if "embedded" not in ears or str(then["llmProvider"]).startswith(FRONT_DESKS):
            own = self.base.providers.transcriber_mode
            return {"transcriber_mode": own} if name == "llmProvider" else {}
        if then["transcriber_mode"] == "open":
            return {}
        if name == "transcriber_mode":
            raise ConfigError(words.NO_VOCABULARY)
        return {"transcriber_mode": "open"}

    def _given(self, visit: Visit, given: dict[str, str]) -> str:
        before = {offer.label for offer in self.offers(visit) if offer.usable}
        try:
            for name, text in given.items():
                if self.base.keys.get(name):
                    raise ConfigError(f"{name} is set on this server already")
                visit.keys.give(name, text)
        except ConfigError as error:
            return problem(str(error))
        if not given:
            return problem(words.NO_KEY_TYPED)
        usable = dict.fromkeys(offer.label for offer in self.offers(visit) if offer.usable)
        now = [label for label in usable if label not in before]
        ready = words.NOW_READY.format(labels=", ".join(now)) if now else words.STILL_MISSING
        return words.KEY_TAKEN.format(names=", ".join(given), ready=ready)

    def _refuse_what_is_not_ready(self, visit: Visit, name: str, value: object) -> None:
        role = WHOSE.get(name)
        for offer in self.offers(visit) if role is not None else ():
            provider = offer.state.provider
            if (provider.role, provider.key) == (role, value) and not offer.usable:
                key = words.TYPE_THE_KEY if offer.missing and "key missing" in offer.words else ""
                told = words.NOT_READY.format(
                    label=provider.label, role=ROLES[provider.role][2], why=offer.words
                )
                raise ConfigError(f"{told}{key}")


def _difference(control: Control, before: Shown, after: Shown) -> Any:
    """What the page is told of a control that others may have changed: nothing if none did, since
    somebody may be changing it this moment."""
    now = control.update(after)
    return gr.skip() if now == control.update(before) else now
