"""Who is let in: tokens fit one session, of one server."""

import pytest

from bench.app.door import Door

pytestmark = pytest.mark.unit


def test_a_token_fits_its_session_and_no_other() -> None:
    door = Door(loopback=True, secret=b"of the house")
    session, token = door.mint()
    other, _ = door.mint()
    assert door.admits(session, token)
    assert not door.admits(other, token)
    assert not door.admits(session, "")
    assert not door.admits(session, token[:-1])
    assert not door.admits(session, "ü" * 48)
    assert not door.admits("", token)
    assert door.admits("", "")


def test_a_token_outlives_the_server_that_has_a_secret_and_no_other() -> None:
    session, token = Door(loopback=False, secret=b"of the house").mint()
    assert Door(loopback=False, secret=b"of the house").admits(session, token)
    assert not Door(loopback=False, secret=b"of another").admits(session, token)
    assert not Door(loopback=False).admits(session, token)


def test_the_servers_own_token_opens_new_sessions_only() -> None:
    door = Door(loopback=False, token="for programs")
    assert door.admits("", "for programs")
    assert not door.admits("", "for others")
    assert not door.admits("", "")
    assert not door.admits(door.mint().session, "for programs")
    assert not Door(loopback=False).admits("", "")


@pytest.mark.parametrize(
    ("origin", "host", "loopback", "open"),
    [
        ("http://localhost:7860", "localhost:7860", True, True),
        ("http://LOCALHOST:7860", "localhost:7860", True, True),
        ("http://[::1]:7860", "[::1]:7860", True, True),
        ("http://localhost", "localhost:80", True, True),
        ("http://bench.example", "bench.example", True, False),
        ("https://bench.example", "bench.example", False, True),
        ("https://bench.example", "other.example", False, False),
        ("https://bench.example.evil.example", "bench.example", False, False),
        ("https://bench.example@evil.example", "bench.example", False, False),
        ("https://bench.example:99999", "bench.example", False, False),
        ("", "localhost", True, False),
        ("file://", "localhost", True, False),
    ],
)
def test_origins(origin: str, host: str, loopback: bool, open: bool) -> None:
    refusal = Door(loopback=loopback).refuses({"origin": origin, "host": host})
    assert (refusal is None) is open
