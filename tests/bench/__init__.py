"""Our own figures: how fast, how lean and how true the engine is, beside bare asyncio queues.

`python -m tests.bench` measures and prints; `docs/performance.md` says how to read it.
"""
