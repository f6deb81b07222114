"""A trace in, numbers out: pure functions, each docstring the definition of its figure.

`turns` times the stages of every answer, `interrupts` what happened when the bot was cut off,
`session` sums a conversation up.
"""
