"""A question in, its answer out: Anthropic's SDK, as its documentation has it."""

from anthropic import Anthropic

client = Anthropic()
question = [{"role": "user", "content": "When are you open?"}]
with client.messages.stream(model="claude-haiku-4-5", max_tokens=300, messages=question) as stream:
    print("".join(stream.text_stream))
    print(stream.get_final_message().stop_reason)
