"""The history in every provider's form, and who was heard."""

import json

import pytest

from bench.engine.tools import ToolCall, ToolResult
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
    assert [content["role"] for content in contents] == ["model", "user", "model", "user"]
    assert contents[1]["parts"] == [{"text": "When are you open?"}]
    assert contents[3]["parts"] == [{"text": "Stop."}, {"text": "And Sunday?"}]


FREE = ToolCall("a", "free_tables", '{"day": "Monday"}', mark="bWFyaw==")
BROKEN = ToolCall("b", "open_until", '{"day')


def with_tools(*, going_on: bool) -> Transcript:
    """A table was asked for and two tools were used; either the caller has spoken since, or the
    answer goes on after "One moment."."""
    transcript = Transcript()
    transcript.add_bot_message("Hello.")
    asked = transcript.add_human_message("Is there a table?")
    asked.tools += [ToolResult(FREE, "three"), ToolResult(BROKEN, "no JSON", failed=True)]
    cut = transcript.add_bot_message("One moment. Three.")
    cut.settle("One moment.", interrupted=True)
    if not going_on:
        transcript.add_human_message("Thanks.")
    return transcript


def test_tools_in_openai_messages():
    calls = [
        {
            "id": "a",
            "type": "function",
            "function": {"name": FREE.name, "arguments": '{"day": "Monday"}'},
        },
        {"id": "b", "type": "function", "function": {"name": BROKEN.name, "arguments": "{}"}},
    ]
    results = [
        {"role": "tool", "tool_call_id": "a", "content": "three"},
        {"role": "tool", "tool_call_id": "b", "content": "no JSON"},
    ]
    assert with_tools(going_on=False).to_openai_messages(cut_off=" –")[2:] == [
        {"role": "assistant", "content": None, "tool_calls": calls},
        *results,
        {"role": "assistant", "content": "One moment. –"},
        {"role": "user", "content": "Thanks."},
    ]
    assert with_tools(going_on=True).to_openai_messages()[2:] == [
        {"role": "assistant", "content": "One moment.", "tool_calls": calls},
        *results,
    ]


def test_tools_in_anthropic_messages():
    calls = [
        {"type": "tool_use", "id": "a", "name": FREE.name, "input": {"day": "Monday"}},
        {"type": "tool_use", "id": "b", "name": BROKEN.name, "input": {}},
    ]
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": "three"},
        {"type": "tool_result", "tool_use_id": "b", "content": "no JSON", "is_error": True},
    ]
    assert with_tools(going_on=False).to_anthropic_messages(cut_off=" –") == [
        {"role": "user", "content": "Is there a table?"},
        {"role": "assistant", "content": calls},
        {"role": "user", "content": results},
        {"role": "assistant", "content": "One moment. –"},
        {"role": "user", "content": "Thanks."},
    ]
    assert with_tools(going_on=True).to_anthropic_messages()[1:] == [
        {"role": "assistant", "content": [{"type": "text", "text": "One moment."}, *calls]},
        {"role": "user", "content": results},
    ]


def test_what_was_said_after_a_tool_without_an_answer_stands_beside_its_result():
    transcript = Transcript()
    asked = transcript.add_human_message("Is there a table?")
    asked.tools.append(ToolResult(FREE, "called off", failed=True))
    transcript.add_human_message("Never mind.")
    (*_, last) = transcript.to_anthropic_messages()
    assert [block["type"] for block in last["content"]] == ["tool_result", "text"]
    (*_, last) = transcript.to_gemini_contents()
    assert [list(part) for part in last["parts"]] == [["function_response"], ["text"]]


def test_results_of_tools_are_told_though_nobody_said_a_word():
    """Else the model would want the same tools again."""
    transcript = Transcript()
    asked = transcript.add_human_message(" ")
    asked.tools.append(ToolResult(FREE, "three"))
    assert [one["role"] for one in transcript.to_openai_messages()] == ["assistant", "tool"]
    roles = ["user", "assistant", "user"]
    assert [one["role"] for one in transcript.to_anthropic_messages(silence="…")] == roles
    roles = ["user", "model", "user"]
    assert [one["role"] for one in transcript.to_gemini_contents(silence="…")] == roles


def test_silence_stands_for_the_user_where_the_bot_spoke_unasked():
    transcript = Transcript()
    transcript.add_bot_message("Hello.")
    transcript.add_human_message("Yes?")
    transcript.add_bot_message("Are you there?")
    assert transcript.to_anthropic_messages(silence="…") == [
        {"role": "user", "content": "…"},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Yes?"},
        {"role": "assistant", "content": "Are you there?"},
        {"role": "user", "content": "…"},
    ]
    assert [
        (one["role"], one["parts"][0]["text"]) for one in transcript.to_gemini_contents(silence="…")
    ] == [
        ("user", "…"),
        ("model", "Hello."),
        ("user", "Yes?"),
        ("model", "Are you there?"),
        ("user", "…"),
    ]
    assert Transcript().to_anthropic_messages(silence="…") == [{"role": "user", "content": "…"}]
    assert Transcript().to_gemini_contents(silence="…")[0]["role"] == "user"


def test_tools_in_gemini_contents():
    calls = [
        {
            "function_call": {"id": "a", "name": FREE.name, "args": {"day": "Monday"}},
            "thought_signature": "bWFyaw==",
        },
        {"function_call": {"id": "b", "name": BROKEN.name, "args": {}}},
    ]
    results = [
        {"function_response": {"id": "a", "name": FREE.name, "response": {"output": "three"}}},
        {"function_response": {"id": "b", "name": BROKEN.name, "response": {"error": "no JSON"}}},
    ]
    assert with_tools(going_on=False).to_gemini_contents(cut_off=" –")[2:] == [
        {"role": "model", "parts": calls},
        {"role": "user", "parts": results},
        {"role": "model", "parts": [{"text": "One moment. –"}]},
        {"role": "user", "parts": [{"text": "Thanks."}]},
    ]
    assert with_tools(going_on=True).to_gemini_contents()[2:] == [
        {"role": "model", "parts": [{"text": "One moment."}, *calls]},
        {"role": "user", "parts": results},
    ]


def test_tools_that_were_called_one_after_the_other_are_shown_so():
    thought = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    first = ToolCall("a", "look_up", mark=json.dumps(thought))
    then = ToolCall("c", "book", mark="bWFyaw==")
    transcript = Transcript()
    asked = transcript.add_human_message("A table, please.")
    asked.tools += [
        ToolResult(first, "three", step=0),
        ToolResult(ToolCall("b", "closing_time"), "five", step=0),
        ToolResult(then, "booked", step=1),
    ]
    transcript.add_bot_message("One moment.")
    openai = transcript.to_openai_messages()
    assert [one["role"] for one in openai] == [
        *("user", "assistant", "tool", "tool"),
        *("assistant", "tool"),
    ]
    _, said, _, called, _ = transcript.to_anthropic_messages()
    assert [block["type"] for block in said["content"]] == [
        *("thinking", "text"),
        *("tool_use", "tool_use"),
    ]
    assert [block["type"] for block in called["content"]] == ["tool_use"]
    contents = transcript.to_gemini_contents()
    assert [one["role"] for one in contents] == ["user", "model", "user", "model", "user"]
    assert contents[3]["parts"][0]["thought_signature"] == "bWFyaw=="
    assert "signature" not in str(contents[1])
    transcript.add_human_message("Thanks.")
    assert "thinking" not in str(transcript.to_anthropic_messages())


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
