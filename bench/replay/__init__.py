"""Scenarios in, runs out: scripted callers played to the real pipeline, in virtual time or real.

`scenario` holds what a file says, `run` what a replay leaves behind.
"""
