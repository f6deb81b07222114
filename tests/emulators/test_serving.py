"""Requests over HTTP in, answers out, as HTTP wants them."""

import httpx
import pytest

from bench import clock
from bench.emulators.openai import OpenAIEmulator

pytestmark = pytest.mark.contract


def test_who_asks_for_a_head_gets_no_body_and_may_ask_on():
    async def main() -> list[tuple[int, int]]:
        async with OpenAIEmulator().serving() as server, httpx.AsyncClient() as client:
            heard = [await client.request(method, server.url) for method in ("HEAD", "GET")]
            return [(one.status_code, len(one.content)) for one in heard]

    (head, nothing), (got, body) = clock.run(main(), virtual=True)
    assert (head, nothing) == (got, 0)
    assert body > 0
