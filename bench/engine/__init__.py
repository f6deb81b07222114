"""Speech in, speech out: the conversation itself.

The road is the list of files: `transcriber` → `listening` → `agent` → `answering` → `synthesizer` →
`speaking` → `output`. Beside it stand the judges `vad` and `turns`, the memory `transcript`, the
table of defaults `settings`, and `conversation`, which joins them. Nothing here knows a provider, a
file, the environment or a user interface, and nothing but the standard library is imported.
"""
