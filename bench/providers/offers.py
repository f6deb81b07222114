"""A vendor in, its best known models and voices out: what pickers show.

Any other that the vendor has can be named as well. Each list holds what the vendor's own SDK says,
where it says it; the first of each is what its adapter takes unless told.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Voice:
    """What a provider calls a voice, and what people may call it."""

    id: str
    label: str


def _named(*names: str) -> tuple[Voice, ...]:
    """Voices that go by a name."""
    return tuple(Voice(name, name) for name in names)


# deepgram 7.17: ListenV1Model, and ListenV2Model, whose models tell turns
DEEPGRAM_MODELS = ("nova-3", "nova-3-medical", "nova-2", "flux-general-en", "flux-general-multi")
# assemblyai 1.8: streaming.v3.models.SpeechModel
ASSEMBLYAI_MODELS = (
    "universal-streaming-english",
    "universal-streaming-multilingual",
    "u3-rt-pro",
    "universal-3-5-pro",
    "universal-3-6-pro",
    "whisper-rt",
)
# google-cloud-speech 2.41: the table at RecognitionConfig.model, of version 1
GOOGLE_SPEECH_MODELS = (
    "latest_long",
    "latest_short",
    "command_and_search",
    "phone_call",
    "video",
    "default",
)
# openai 3.52: types.shared.ChatModel, which has the first two end on 2027-01-14
OPENAI_MODELS = (
    "gpt-4.1-mini",
    "gpt-4.1",
    "gpt-5.4-mini",
    "gpt-5.6-luna",
    "gpt-6-luna",
    "gpt-6-sol",
)
# google-genai 3.4: the examples in its types and interactions
GEMINI_MODELS = (
    "gemini-3.1-flash-lite",
    "gemini-3.5-flash",
    "gemini-3.8-flash",
    "gemini-2.5-flash",
    "gemini-2.5-pro",
)
# google-generativeai 0.8: the same services; those before thought signatures
GEMINI_LEGACY_MODELS = ("gemini-2.5-flash", "gemini-2.5-pro")
# anthropic 2.11: types.Model
ANTHROPIC_MODELS = (
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-opus-5-5",
    "claude-haiku-4-5",
    "claude-sonnet-4-6",
)
# elevenlabs 2.78: the request types of text to speech
ELEVENLABS_MODELS = ("eleven_flash_v2_5", "eleven_multilingual_v2", "eleven_v3")
# elevenlabs 2.78: the examples in its types and in its README, which names none
ELEVENLABS_VOICES = (
    Voice("21m00Tcm4TlvDq8ikWAM", "Rachel"),
    Voice("JBFqnCBsd6RMkjVDRZzb", "the voice of the SDK's examples"),
)
# azure-cognitiveservices-speech 1.53 names none; this one is in Microsoft's samples
AZURE_VOICES = (Voice("en-US-AvaMultilingualNeural", "Ava (US English, multilingual)"),)
# google-cloud-texttospeech 2.38 names none; this one is of the family that streams
GOOGLE_VOICES = (Voice("en-US-Chirp3-HD-Charon", "Charon (US English)"),)
# botocore 1.43: Engine and VoiceId in the model of the service
POLLY_MODELS = ("neural", "generative", "long-form", "standard")
POLLY_VOICES = _named(
    "Joanna", "Matthew", "Ruth", "Stephen", "Danielle", "Gregory", "Amy", "Brian", "Olivia"
)
# pyht 0.1.14: inference_coordinates.REQUIRED_MODELS; the voice is the one in its README
PLAYHT_MODELS = ("Play3.0-mini", "PlayDialog", "PlayDialogMultilingual", "PlayDialogArabic")
PLAYHT_VOICES = (
    Voice(
        "s3://voice-cloning-zero-shot/775ae416-49bb-4fb6-bd45-740f205d20a1/jennifersaad/manifest.json",
        "Jennifer",
    ),
)
