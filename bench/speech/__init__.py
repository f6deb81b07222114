"""Offline engines in, words and samples out: recognition, speech and voice activity without a key.

Importing this package costs nothing; numpy, onnxruntime, soxr and pocketsphinx load where they are
used.
"""
