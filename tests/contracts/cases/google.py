"""Google Cloud's streams, both roles; gRPC has a thread of its own and keeps to the wall clock."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="google",
        role="voice",
        provider="google",
        emulator="bench.emulators.google_voice:GoogleVoiceEmulator",
        adapter="bench.providers.google_voice:GoogleSynthesizer",
        url="google_voice_url",
        key="GOOGLE_APPLICATION_CREDENTIALS",
        virtual=False,
    ),
)
