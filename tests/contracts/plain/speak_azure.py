"""A text in, its audio and the times of its words out: Azure's SDK, as its documentation has it."""

import os

import azure.cognitiveservices.speech as speechsdk

config = speechsdk.SpeechConfig(
    subscription=os.environ["AZURE_SPEECH_KEY"], endpoint=os.environ["TALKBENCH_AZURE_URL"]
)
config.speech_synthesis_voice_name = "en-US-AvaMultilingualNeural"
config.set_speech_synthesis_output_format(
    speechsdk.SpeechSynthesisOutputFormat.Raw16Khz16BitMonoPcm
)
synthesizer = speechsdk.SpeechSynthesizer(speech_config=config, audio_config=None)
words = []
synthesizer.synthesis_word_boundary.connect(lambda event: words.append(event.text))
result = synthesizer.speak_text_async("We are open from nine to five.").get()
print("seconds:", round(len(result.audio_data) / 32_000, 1))
print("words:", *words)
