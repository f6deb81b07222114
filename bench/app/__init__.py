"""Browsers and programs in, conversations out: the page, its socket, and what is measured of both.

The one home of the web libraries. `server.create_app` makes the application; `output` holds the
device that any WebSocket of your own can speak through.
"""
