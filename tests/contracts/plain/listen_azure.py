"""A recording in, its phrases out: Azure's SDK, as its documentation has it."""

import os
import sys
import threading

import azure.cognitiveservices.speech as speechsdk

config = speechsdk.SpeechConfig(
    subscription=os.environ["AZURE_SPEECH_KEY"], endpoint=os.environ["TALKBENCH_AZURE_URL"]
)
config.speech_recognition_language = "en-US"
audio = speechsdk.audio.AudioConfig(filename=sys.argv[1])
recognizer = speechsdk.SpeechRecognizer(speech_config=config, audio_config=audio)
done = threading.Event()


def on_recognized(event):
    if event.result.text:
        print(event.result.text)


def on_canceled(event):
    if event.cancellation_details.reason == speechsdk.CancellationReason.Error:
        print("error:", event.cancellation_details.error_details, file=sys.stderr)
    done.set()


recognizer.recognized.connect(on_recognized)
recognizer.canceled.connect(on_canceled)
recognizer.session_stopped.connect(lambda event: done.set())
recognizer.start_continuous_recognition()
done.wait(20)
recognizer.stop_continuous_recognition()
