"""The history in every provider's form, and who was heard."""

import pytest

from bench.engine.transcript import Message, Sender, Transcript

pytestmark = pytest.mark.unit


def conversation() -> Transcript:
    transcript = Transcript()
    transcript.add_bot_message("Hello.")
    transcript.add_human_message("When are you open?")
    cut = transcript.add_bot_message("We are open", intended="We are open from nine to five.")
    cut.settle("We are", interrupted=True)
    transcript.add_human_message("Stop.")
    transcript.add_human_message("And Sunday?")
    transcript.add_bot_message("")
    return transcript


def test_each_transcript_has_messages_of_its_own():
    assert Transcript().event_logs is not Transcript().event_logs


def test_openai():
    assert conversation().to_openai_messages("Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "When are you open?"},
        {"role": "assistant", "content": "We are"},
        {"role": "user", "content": "Stop."},
        {"role": "user", "content": "And Sunday?"},
    ]
    assert Transcript().to_openai_messages() == []


def test_anthropic_alternates_and_begins_with_the_user():
    assert conversation().to_anthropic_messages() == [
        {"role": "user", "content": "When are you open?"},
        {"role": "assistant", "content": "We are"},
        {"role": "user", "content": "Stop.\nAnd Sunday?"},
    ]


def test_gemini():
    contents = conversation().to_gemini_contents()
    assert [content["role"] for content in contents] == ["model", "user", "model", "user", "user"]
    assert contents[1]["parts"] == [{"text": "When are you open?"}]


def test_a_message_follows_what_is_heard_until_it_is_settled():
    heard = ["We"]
    message = Message(Sender.BOT, "", intended="We are open.")
    message.follow(lambda: " ".join(heard))
    assert message.text == "We"
    heard.append("are")
    assert message.text == "We are"
    message.settle("We are", interrupted=True, estimated=True)
    heard.append("open.")
    assert (message.text, message.interrupted, message.estimated) == ("We are", True, True)
    assert repr(message) == "<bot: 'We are' (cut off)>"


def test_what_was_left_without_an_answer():
    transcript = conversation()
    assert transcript.unanswered() == []
    transcript.remove(transcript.event_logs[-1])
    assert transcript.unanswered() == ["Stop.", "And Sunday?"]
    transcript.remove(Message(Sender.BOT, "unknown"))
    last = transcript.last(Sender.BOT)
    assert last is not None
    assert last.text == "We are"
    assert Transcript().last(Sender.BOT) is None


def test_ids_are_never_reused():
    ids = [Message(Sender.HUMAN, "a").id for _ in range(3)]
    assert len(set(ids)) == 3
    assert ids == sorted(ids)
