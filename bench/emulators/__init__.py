"""Vendors' protocols spoken back: local servers that stand in for their services, one file each.

Each is written from the protocol and shares no code with the adapter that it tests. They serve the
vendors' own SDKs, inside a virtual loop or on a loopback port.
"""
