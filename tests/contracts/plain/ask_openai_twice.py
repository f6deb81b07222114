"""A question in twice, an answer and what became of the other out: OpenAI's SDK."""

from openai import OpenAI, RateLimitError

client = OpenAI(max_retries=0)
question = [{"role": "user", "content": "Is it booked?"}]
for _ in range(2):
    try:
        answer = client.chat.completions.create(model="gpt-4.1", messages=question)
        print(answer.choices[0].message.content)
    except RateLimitError as error:
        print("RateLimitError", error.response.headers["retry-after"])
