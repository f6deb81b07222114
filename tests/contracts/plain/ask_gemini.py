"""A question in, its answer out: Google's SDK for Gemini, as its documentation has it."""

from google import genai

client = genai.Client()
for piece in client.models.generate_content_stream(
    model="gemini-2.5-flash", contents="When are you open?"
):
    print(piece.text or "", end="")
print()
