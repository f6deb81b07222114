"""A trace in, numbers out: pure functions, each docstring the definition of its figure.

`reading` joins a trace: the script's steps (`steps`), the user's turns (`hearing`), what the bot
said (`utterances`). On it stand the figures: `response`, `barge_in`, `pauses`, `cutoffs`,
`user_words`, `partials`, `talk`, `cost`; `figures` gives all of a step or a run at once, and
`catalogue` is the table of them by name. `sound` measures recordings; `statistics`, `comparison`
and `gates` say how sure a figure is.

`turns`, `interrupts` and `session` are what a conversation shows while it goes on.
"""
