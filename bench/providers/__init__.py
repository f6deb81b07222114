"""Protocols translated: each company and role to and from the engine's seams, one file each.

`handler` chooses among them by name; importing this package imports none of them.
"""
