"""Google Cloud's streams, both roles; gRPC has a thread of its own and keeps to the wall clock."""

from tests.contracts.case import Case

SPEECH = Case(
    name="google v1",
    role="transcriber",
    provider="google",
    emulator="bench.emulators.google_speech:GoogleSpeechEmulator",
    adapter="bench.providers.google_speech:GoogleTranscriber",
    url="google_speech_url",
    key="GOOGLE_APPLICATION_CREDENTIALS",
    virtual=False,
    gaps={"partials_carry_samples": "interim results have no words of their own"},
)
CASES = (
    SPEECH,
    SPEECH.but(name="google v2", config={"google_speech_api": "v2"}),
    Case(
        name="google",
        role="voice",
        provider="google",
        emulator="bench.emulators.google_voice:GoogleVoiceEmulator",
        adapter="bench.providers.google_voice:GoogleSynthesizer",
        url="google_voice_url",
        key="GOOGLE_APPLICATION_CREDENTIALS",
        virtual=False,
        gaps={"words_have_times": "streaming has none: what was heard is estimated"},
    ),
)
