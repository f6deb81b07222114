"""Deepgram's live socket, version 1."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="deepgram",
        role="transcriber",
        provider="deepgram",
        emulator="bench.emulators.deepgram:DeepgramEmulator",
        adapter="bench.providers.deepgram:DeepgramTranscriber",
        url="deepgram_url",
        key="DEEPGRAM_API_KEY",
    ),
)
