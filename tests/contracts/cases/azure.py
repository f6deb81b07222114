"""Azure Speech: words and voices, through one native SDK."""

from tests.contracts.case import Case

NO_WAIT = "the SDK keeps the answer's headers to itself"

CASES = (
    Case(
        name="azure",
        role="transcriber",
        provider="azure",
        emulator="bench.emulators.azure_speech:AzureSpeechEmulator",
        adapter="bench.providers.azure_speech:AzureTranscriber",
        url="azure_url",
        key="AZURE_SPEECH_KEY",
        virtual=False,
        gaps={
            "429_is_rate_limited_with_its_wait": NO_WAIT,
            "partials_carry_samples": "the service times the words of finals alone",
        },
    ),
    Case(
        name="azure",
        role="voice",
        provider="azure",
        emulator="bench.emulators.azure_voice:AzureVoiceEmulator",
        adapter="bench.providers.azure_voice:AzureSynthesizer",
        url="azure_url",
        key="AZURE_SPEECH_KEY",
        virtual=False,
        gaps={"429_is_rate_limited_with_its_wait": NO_WAIT},
    ),
)
