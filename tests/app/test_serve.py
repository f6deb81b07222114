"""The application as the command serves it: who gets to see the page from elsewhere."""

import dataclasses

import httpx
import pytest

from bench import assembly, clock
from bench.app import serve
from bench.settings import Secret

pytestmark = pytest.mark.unit

PASSWORD = "seven green clocks"


def page_at(host: str) -> httpx.AsyncClient:
    """A visitor of the page that is served at `host`."""
    settings = assembly.settings()
    own = dataclasses.replace(settings.app, host=host, token=Secret(PASSWORD))
    app = serve.build(dataclasses.replace(settings, app=own))
    there = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=there, base_url="http://bench/gradio")


def test_beyond_this_machine_the_page_asks_for_the_password():
    async def main() -> list[int]:
        async with page_at("0.0.0.0") as visitor:
            shut_out = await visitor.get("/config")
            wrong = {"username": "anybody", "password": "a guess"}
            refused = await visitor.post("/login", data=wrong)
            right = {"username": "anybody", "password": PASSWORD}
            let_in = await visitor.post("/login", data=right)
            answers = [shut_out, refused, let_in, await visitor.get("/config")]
            return [answer.status_code for answer in answers]

    assert clock.run(main()) == [401, 400, 200, 200]


def test_on_this_machine_the_page_asks_for_nothing():
    async def main() -> int:
        async with page_at("127.0.0.1") as visitor:
            return (await visitor.get("/config")).status_code

    assert clock.run(main()) == 200
