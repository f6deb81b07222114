"""ElevenLabs' HTTP stream with timestamps, and its socket of many contexts."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="elevenlabs",
        role="voice",
        provider="elevenlabs",
        emulator="bench.emulators.elevenlabs:ElevenLabsEmulator",
        adapter="bench.providers.elevenlabs:create_synthesizer",
        url="elevenlabs_url",
        key="ELEVENLABS_API_KEY",
    ),
    Case(
        name="elevenlabs socket",
        role="voice",
        provider="elevenlabs",
        emulator="bench.emulators.elevenlabs_socket:ElevenLabsSocketEmulator",
        adapter="bench.providers.elevenlabs:create_synthesizer",
        url="elevenlabs_url",
        key="ELEVENLABS_API_KEY",
        config={"elevenlabs_transport": "socket"},
    ),
)
