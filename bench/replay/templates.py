"""A name in, a scenario to begin with out."""

from __future__ import annotations

NEW = """\
# {name}: what the caller does, and what must then be true.
# Speech is rendered once and committed:  talkbench scenario render {file}
# Is it well-formed and certain?          talkbench scenario check {file}
# Play it, in virtual time:               talkbench replay {file}
scenario: 1
id: {name}
title: The caller asks, cuts in after the fourth word, and goes silent
tags: [example]

setup:
  seed: 1                        # every draw comes from it: the same seed, the same run
  repeat: 1                      # raise it for figures: every repeat has draws of its own
  max_s: 40
  stt: sim:deepgram-nova-3       # simulated: figures of a profile, not of the vendor
  llm: sim:gpt-4.1
  tts: sim:elevenlabs-flash-v2.5

bot:                             # fixed answers make timing exact; without them the agent's own
  replies:
    - match: opening hours
      say: "We are open from nine to five on weekdays, and on Saturday."
    - match: "*"
      say: "All right."

script:
  - id: ask
    say: What are your opening hours?
    at: {{time: 0.5}}              # seconds from the beginning
  - id: cut
    say: Sorry, only Sunday please.
    as: interrupt                # turn, interrupt, backchannel, noise or side_talk
    at: {{bot_word: 4}}            # after the bot's fourth word has been played
    within: {{timeout_s: 8, if_missed: fail}}
  - id: think
    silence: 2
    at: {{bot_ends: +0.2}}

expect:
  steps:
    ask: {{replies: true, v2v_ms: {{max: 4000}}}}
    cut: {{interrupts: true, stop_ms: {{max: 700}}, context_equals_heard: true}}
  run:
    underruns: {{max: 0}}
    events: {{absent: [WorkerFailed, ProviderFailed]}}
"""


def new(name: str, file: str) -> str:
    """A commented scenario of that id, to be written to `file`."""
    return NEW.format(name=name, file=file)
