"""A question in, a tool called, its answer out: OpenAI's SDK, as its documentation has it."""

from openai import OpenAI

client = OpenAI()
tools = [
    {
        "type": "function",
        "function": {
            "name": "find_table",
            "description": "Look for a free table.",
            "parameters": {"type": "object", "properties": {"people": {"type": "integer"}}},
        },
    }
]
messages = [{"role": "user", "content": "A table for two, please."}]
message = (
    client.chat.completions.create(model="gpt-4.1", messages=messages, tools=tools)
    .choices[0]
    .message
)
(call,) = message.tool_calls
print("wanted:", call.function.name, call.function.arguments)
messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "by the window"}]
answer = client.chat.completions.create(model="gpt-4.1", messages=messages, tools=tools)
print("said:", answer.choices[0].message.content)
