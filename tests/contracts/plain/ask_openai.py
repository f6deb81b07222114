"""A question in, its answer out: OpenAI's SDK, whole, streamed, and with a tool."""

from openai import OpenAI

client = OpenAI()
question = [{"role": "user", "content": "When are you open?"}]

answer = client.chat.completions.create(model="gpt-4.1", messages=question)
print("whole:", answer.choices[0].message.content)

stream = client.chat.completions.create(model="gpt-4.1", messages=question, stream=True)
pieces = [piece.choices[0].delta.content or "" for piece in stream if piece.choices]
print("streamed:", len(pieces) > 3, "".join(pieces))

try:
    OpenAI(api_key="wrong", max_retries=0).chat.completions.create(
        model="gpt-4.1", messages=question
    )
except Exception as error:
    print("refused:", type(error).__name__)
