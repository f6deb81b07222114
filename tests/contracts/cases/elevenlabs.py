"""ElevenLabs' HTTP stream with timestamps."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="elevenlabs",
        role="voice",
        provider="elevenlabs",
        emulator="bench.emulators.elevenlabs:ElevenLabsEmulator",
        adapter="bench.providers.elevenlabs:ElevenLabsSynthesizer",
        url="elevenlabs_url",
        key="ELEVENLABS_API_KEY",
    ),
)
