"""The caller's words in, the front desk's answer out: a script, not a language model."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from bench.simulation.front_desk_answers import (
    ABOUT_THE_PLACE,
    CAN_DO,
    HINTS,
    QUESTIONS,
    SMALL_TALK,
    hours_on,
)
from bench.simulation.front_desk_booking import Booking, echo, field_named, with_number
from bench.simulation.front_desk_lines import SUGGESTIONS, TEMPLATES
from bench.simulation.front_desk_recall import rest_after, shortened
from bench.simulation.front_desk_slots import SLOTS, Details, day_words
from bench.simulation.front_desk_state import Reply, State
from bench.simulation.front_desk_understanding import BOOKING, CONTROL, Meaning, understand

__all__ = ["SLOTS", "SUGGESTIONS", "TEMPLATES", "FrontDesk", "Reply"]

_YES_NO = frozenset(("confirmation", "cancellation", "table wanted", "anything else", "goodbye"))
_OPEN_QUESTION = "What can I do for you?"


class FrontDesk:
    """A small restaurant's front desk by keywords and slots: same words in, same answers out."""

    def __init__(self, name: str = "Talkbench Bistro") -> None:
        self.greeting = f"Welcome to {name}. How can I help you?"
        self._state = State(last=self.greeting, said=self.greeting)

    def reply(
        self, human_input: str, *, interrupted: bool = False, heard: str | None = None
    ) -> Reply:
        """The answer to recognised words. `interrupted`: the last answer was cut off and `heard`
        is what the caller heard of it (None: nothing)."""
        state = self._state
        if interrupted and state.last == state.said:
            state.unheard = rest_after(heard or "", state.said)
        meaning = understand(human_input, state.asking)
        for step in (self._steer, self._settle, self._arrange, self._inform, self._chat):
            answer = step(meaning)
            if answer is not None:
                state.misses = 0
                return answer
        return self._repair()

    def is_complete(self, text: str) -> bool:
        """Whether `text` may be all the caller wants to say now; changes nothing."""
        meaning = understand(text, self._state.asking)
        if not meaning.tokens or meaning.trails_off:
            return False
        if self._state.asking == "confirmation" and meaning.no and not meaning.details:
            return False  # people go on with what is wrong
        trial = deepcopy(self)
        trial.reply(text)
        return trial._state.misses == 0

    # Each step answers, or returns None when the words are not its business.

    def _steer(self, meaning: Meaning) -> Reply | None:
        """Stop, go on, say it again, goodbye."""
        state, intent = self._state, meaning.intent
        if intent not in CONTROL or (meaning.details and intent != "goodbye"):
            return None
        if intent == "goodbye":
            return self._goodbye()
        if intent == "stop":
            return self._acknowledge("Okay.")
        if intent == "go on":
            agrees = state.asking in _YES_NO and not state.unheard
            return None if agrees else self._go_on()
        return self._say(state.unheard or shortened(state.said), state.asking)

    def _settle(self, meaning: Meaning) -> Reply | None:
        """Yes or no to a question, or which detail to change."""
        asking = self._state.asking
        if meaning.details or meaning.intent not in (None, "thanks", "go on", "book", "change"):
            return None
        if asking == "name" and meaning.no:
            return self._fill(Details(), without_name=True)
        if asking in ("change", "confirmation") and meaning.details.number is not None:
            return None
        named = field_named(meaning.tokens)
        if named and asking in ("change", "confirmation") and not meaning.yes:
            return self._reopen(named)
        if asking == "change" and meaning.no:
            return self._ask_next("")
        if asking not in _YES_NO:
            return None
        if meaning.no:
            return self._refuse(asking)
        return self._agree(asking) if meaning.yes or meaning.intent == "go on" else None

    def _arrange(self, meaning: Meaning) -> Reply | None:
        """Book, change, cancel and read back a table."""
        state, intent = self._state, meaning.intent
        if intent == "summary":
            return self._summarise()
        if intent == "cancel":
            return self._cancel()
        if intent in ABOUT_THE_PLACE or intent in ("hours", "how are you"):
            return None
        details = meaning.details
        if state.draft or intent in BOOKING:
            details = with_number(
                details, state.draft or Booking(), state.asking, meaning.changes, meaning.tokens
            )
        if intent == "change" and not details:
            return self._ask_what_to_change(field_named(meaning.tokens))
        if details or intent == "book":
            return self._fill(details, corrects=meaning.changes)
        return None

    def _inform(self, meaning: Meaning) -> Reply | None:
        """Opening hours and everything else about the place."""
        if meaning.intent == "hours":
            return self._aside(hours_on(meaning.details.day))
        text = ABOUT_THE_PLACE.get(meaning.intent or "")
        return None if text is None else self._aside(text)

    def _chat(self, meaning: Meaning) -> Reply | None:
        """Thanks, hello, and the sounds of somebody listening."""
        state = self._state
        if meaning.intent == "thanks" and not meaning.no:
            return self._aside("You are welcome.", then="anything else")
        if meaning.intent in SMALL_TALK:
            question = self._pending_question() or _OPEN_QUESTION
            return self._say(f"{SMALL_TALK[meaning.intent]} {question}", state.asking)
        if not (meaning.backchannel or meaning.is_short_answer):
            return None
        if state.unheard:
            return self._go_on()
        if question := self._pending_question():
            return self._say(question, state.asking)
        return self._acknowledge("All right." if meaning.no else "I am listening.")

    def _repair(self) -> Reply:
        state = self._state
        state.misses += 1
        if state.misses == 1:
            hint = HINTS.get(state.asking or "", "Could you say it in other words?")
            return self._acknowledge(f"Sorry, I did not understand. {hint}")
        if state.misses == 2:
            question = self._pending_question()
            return self._acknowledge(f"Sorry, that is still not clear to me. {CAN_DO} {question}")
        state.asking = "goodbye"
        return self._acknowledge(f"I have trouble understanding you. {QUESTIONS['goodbye']}")

    def _fill(
        self, details: Details, *, corrects: bool = False, without_name: bool = False
    ) -> Reply:
        state = self._state
        opening = "With pleasure." if state.draft is None and not details else ""
        if state.draft is None and corrects and state.booked:
            self._take_up_booked()
        draft = (state.draft or Booking()).updated(details)
        state.draft = replace(draft, without_name=without_name or draft.without_name)
        problem = draft.problem()
        if problem is None:
            return self._ask_next(opening or echo(details, draft))
        wanted, why = problem
        state.draft = state.draft.without(wanted)
        if why.endswith("?"):
            return self._say(why, wanted)
        return self._say(f"{why} {QUESTIONS[wanted]}", wanted)

    def _ask_next(self, lead: str) -> Reply:
        """Asks for the next detail, or for the go-ahead once there is none left."""
        draft = self._state.draft or Booking()
        wanted = draft.missing()
        if wanted is None:
            spoken = draft.spoken()
            wanted, lead = "confirmation", f"{spoken[0].upper()}{spoken[1:]}."
        return self._say(f"{lead} {QUESTIONS[wanted]}".strip(), wanted)

    def _agree(self, asking: str | None) -> Reply:
        state = self._state
        if asking == "goodbye":
            return self._goodbye()
        if asking == "confirmation" and state.draft:
            if state.changes_booked:
                state.booked.pop()
            state.booked.append(state.draft)
            self._drop_draft()
            return self._offer_more("Wonderful, it is booked.")
        if asking == "cancellation" and state.booked:
            state.booked.pop()
            return self._offer_more("It is cancelled.")
        if asking == "table wanted":
            return self._fill(Details())
        return self._say(f"Of course. {_OPEN_QUESTION}", None)

    def _refuse(self, asking: str | None) -> Reply:
        if asking == "confirmation":
            return self._say(QUESTIONS["change"], "change")
        if asking == "cancellation":
            return self._offer_more("All right, it stays booked.")
        if asking == "goodbye":
            lead = "All right, let us try again."
            return self._ask_next(lead) if self._state.draft else self._say(lead, None)
        if asking == "table wanted":
            return self._acknowledge("All right.")
        return self._goodbye()

    def _ask_what_to_change(self, named: str | None) -> Reply:
        state = self._state
        if state.draft is None and not state.booked:
            state.draft = Booking()
            return self._ask_next("There is no booking yet, so let us make one.")
        if state.draft is None:
            self._take_up_booked()
        return self._reopen(named) if named else self._say(QUESTIONS["change"], "change")

    def _reopen(self, wanted: str) -> Reply:
        state = self._state
        state.draft = (state.draft or Booking()).without(wanted)
        return self._ask_next("")

    def _cancel(self) -> Reply:
        state = self._state
        if state.draft is not None:
            kept = state.changes_booked
            self._drop_draft()
            return self._offer_more("All right, it stays as it was." if kept else "All right.")
        if state.booked:
            spoken = state.booked[-1].spoken()
            return self._say(f"You have {spoken}. {QUESTIONS['cancellation']}", "cancellation")
        return self._say("All right, nothing is booked.", None)

    def _summarise(self) -> Reply:
        state = self._state
        if state.draft is not None:
            spoken = f"So far I have {state.draft.spoken()}."
            return self._say(f"{spoken} {self._pending_question()}".strip(), state.asking)
        if not state.booked:
            return self._say(f"Nothing is booked yet. {QUESTIONS['table wanted']}", "table wanted")
        return self._say(f"You have {', and '.join(b.spoken() for b in state.booked)}.", None)

    def _goodbye(self) -> Reply:
        state = self._state
        if state.draft is not None and not state.changes_booked:
            text = "All right, I have not booked the table. Goodbye!"
        elif state.booked:
            day = day_words(state.booked[-1].day or "soon")
            text = f"Thank you for calling. We will see you {day}. Goodbye!"
        else:
            text = "Thank you for calling. Goodbye!"
        return replace(self._say(text, None), ends_call=True)

    def _go_on(self) -> Reply:
        state = self._state
        if state.unheard:
            return self._say(state.unheard, state.asking)
        question = self._pending_question() or f"That was all. {_OPEN_QUESTION}"
        return self._say(question, state.asking)

    def _offer_more(self, lead: str) -> Reply:
        return self._say(f"{lead} {QUESTIONS['anything else']}", "anything else")

    def _aside(self, text: str, then: str | None = None) -> Reply:
        """Says something and comes back to the booking under way, if there is one."""
        question = self._pending_question()
        if question:
            return self._say(f"{text} {question}", self._state.asking)
        return self._say(f"{text} {QUESTIONS[then]}" if then else text, then)

    def _pending_question(self) -> str:
        state = self._state
        return QUESTIONS.get(state.asking or "", "") if state.draft else ""

    def _take_up_booked(self) -> None:
        self._state.draft, self._state.changes_booked = self._state.booked[-1], True

    def _drop_draft(self) -> None:
        self._state.draft, self._state.changes_booked = None, False

    def _say(self, text: str, expects: str | None) -> Reply:
        state = self._state
        state.last = state.said = text
        state.unheard, state.asking = "", expects
        return Reply(text, expects=expects)

    def _acknowledge(self, text: str) -> Reply:
        """A remark that leaves the answer before it worth repeating or continuing."""
        self._state.last = text.strip()
        return Reply(self._state.last, expects=self._state.asking)
