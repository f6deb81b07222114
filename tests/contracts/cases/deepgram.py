"""Deepgram's live sockets: version 1, and the turn-taking version 2."""

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
    Case(
        name="deepgram flux",
        role="transcriber",
        provider="deepgram",
        emulator="bench.emulators.deepgram_flux:FluxEmulator",
        adapter="bench.providers.deepgram_flux:deepgram_transcriber",
        url="deepgram_url",
        key="DEEPGRAM_API_KEY",
        config={"transcriber_model": "flux-general-en"},
    ),
)
