"""A caller's call in, what a language model is told of its part out."""

SYSTEM_PROMPT = (
    "You speak with a caller on the telephone. Answer in one to three short sentences of plain "
    "spoken English, without lists or markup. A message of yours that ends in a dash was cut off: "
    "the caller heard that much of it and no more."
)
CUT_OFF = " –"  # ends a message of the bot's that was cut off
SILENCE = "(The caller says nothing.)"  # where a vendor wants the user to speak first or last
