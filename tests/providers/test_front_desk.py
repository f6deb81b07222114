"""The front desk as an agent: its pace, and what it makes of answers that were not heard."""

import pytest

from bench import clock
from bench.engine.transcript import Sender
from bench.events import FirstToken
from bench.providers.front_desk import FrontDeskAgent
from bench.simulation.loudspeaker import Loudspeaker
from bench.testing import ScriptedTranscriber, ToneSynthesizer, create_test_conversation

pytestmark = pytest.mark.unit

SECONDS_PER_WORD = 0.1


def talk(*script: tuple[float, str], words_per_second: float = 50.0, **settings: object):
    """Each text said after so many seconds; the conversation, ended five seconds after the last."""

    async def main():
        transcriber = ScriptedTranscriber()
        agent = FrontDeskAgent({"words_per_second": words_per_second})
        conversation = create_test_conversation(
            transcriber=transcriber,
            agent=agent,
            synthesizer=ToneSynthesizer(seconds_per_word=SECONDS_PER_WORD),
            output_device=Loudspeaker(),
            **{"barge_in": "on-words(1)", **settings},
        )
        await conversation.start()
        for seconds, text in script:
            await clock.sleep(seconds)
            transcriber.hear(text)
        await clock.sleep(5)
        await conversation.terminate()
        return conversation

    return clock.run(main(), virtual=True)


def bot_said(conversation) -> list[str]:
    return [m.text for m in conversation.transcript.event_logs if m.sender is Sender.BOT]


def test_it_writes_word_by_word_at_the_set_pace():
    async def main() -> list[tuple[float, str]]:
        agent = FrontDeskAgent({"words_per_second": 4})
        agent.transcript.add_human_message("stop")
        pieces = [
            (clock.now(), response.message.text)
            async for response in agent.generate_response("what are you", False, "")
        ]
        return pieces

    pieces = clock.run(main(), virtual=True)
    assert len(pieces) > 5
    assert [at for at, _ in pieces] == [0.25 * number for number in range(1, len(pieces) + 1)]
    assert all(text.startswith(" ") for _, text in pieces[1:])
    assert not pieces[0][1].startswith(" ")


def test_it_says_plainly_that_it_is_a_script():
    agent = FrontDeskAgent()
    assert (agent.provider, agent.model) == (
        "embedded",
        "front desk (scripted, not a language model)",
    )
    assert agent.greeting.endswith("How can I help you?")


def test_a_booking_from_the_first_word_to_the_last():
    conversation = talk(
        (0, "I'd like to book a table for two on Friday at seven"),
        (4, "Smith"),
        (4, "yes please"),
        (4, "no thank you"),
    )
    said = bot_said(conversation)
    assert said[0].startswith("For two on Friday at seven")
    assert said[2].startswith("Wonderful, it is booked.")
    assert said[3].endswith("Goodbye!")
    assert conversation.end_reason == "goodbye"


def test_after_an_interrupt_it_goes_on_from_the_sentence_that_was_cut():
    conversation = talk((0, "tell me a story"), (1.55, "stop"), (3, "go on"))
    said = bot_said(conversation)
    assert said[0] == "This bistro began with a broken clock. Rosa, who opened it, found the clock"
    assert said[1] == "Okay."
    assert said[2].startswith("Rosa, who opened it, found the clock at a market")


def test_what_was_said_in_two_goes_is_one_request():
    conversation = talk((0, "I'd like to book a table for"), (0.01, "two on Friday"))
    assert conversation.trace.of(FirstToken)
    (answer,) = bot_said(conversation)
    assert answer == "For two on Friday. What time would you like?"


def test_details_of_an_answer_nobody_heard_are_kept():
    conversation = talk((0, "a table for four people"), (0.01, "on Sunday"))
    assert bot_said(conversation)[-1].endswith("On Sunday. What time would you like?")
    conversation = talk(
        (0, "a table for four people"), (0.01, "on Saturday"), (0.01, "at eight"), (5, "Smith")
    )
    assert "four on Saturday at eight" in bot_said(conversation)[-1]


def test_of_two_questions_in_a_row_both_are_answered():
    conversation = talk((0, "is there parking"), (0.01, "when are you open on Friday"))
    (answer,) = bot_said(conversation)
    assert "parking" in answer
    assert "Friday" in answer


def test_a_story_nobody_heard_a_word_of_can_be_stopped_and_taken_up():
    conversation = talk((0, "tell me a story"), (0.01, "stop"), (2, "go on"))
    said = bot_said(conversation)
    assert said[0] == "Okay."
    assert said[1].startswith("This bistro began with a broken clock.")


def test_a_change_of_mind_wins_over_the_story():
    conversation = talk((0, "tell me a story"), (0.01, "I'd like to book a table"))
    assert bot_said(conversation) == ["With pleasure. How many people will be coming?"]


def test_an_idle_prompt_is_not_taken_for_its_own_answer():
    conversation = talk(
        (0, "tell me a story"), (1.55, "stop"), (4, "go on"), idle_seconds=2.0, goodbye="Bye."
    )
    said = bot_said(conversation)
    assert said[2] == "Are you still there?"
    assert said[3].startswith("Rosa, who opened it, found the clock at a market")


def test_what_was_unclear_is_nobody_s_name():
    conversation = talk((0, "book a table for two on Friday at seven"), (5, "(unclear)"))
    assert bot_said(conversation)[1].startswith("Sorry, I did not understand.")
    conversation = talk((0, "(unclear)"), (0.01, "is there parking"))
    assert "parking" in bot_said(conversation)[0]
    conversation = talk((0, "(unclear)"), (0.01, "(unclear)"))
    assert bot_said(conversation)[0].startswith("Sorry, I did not understand.")
