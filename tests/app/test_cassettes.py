"""Conversations of the socket are kept on cassettes, and providers from a cassette do it again."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench import clock
from bench.app import cassettes as kept
from bench.app import serve
from bench.app.cassettes import Cassettes
from bench.app.session import SessionRequest
from bench.config import Config
from bench.engine.conversation import StreamingConversation
from bench.engine.settings import ConversationSettings
from bench.errors import ConfigError
from bench.providers.cassette import EVENTS, SPEECH, Answered, Cassette, Heard, Spoke
from bench.providers.recorded import RecordedAgent
from bench.providers.recorded_ears import RecordedTranscriber
from bench.providers.recorded_voice import RecordedSynthesizer
from bench.settings import AppSettings, ProviderSettings, Secret
from bench.testing import STORY
from tests.app.far_end import QUIET, SOUND, Client, scripted, serving

pytestmark = pytest.mark.unit

KEY = Secret("a-key-that-somebody-typed")


async def conversed(assemble: Any, **options: Any) -> tuple[list[Any], bytes, str]:
    """What a client was told and what its loudspeaker played, and the name of its session."""
    async with serving(assemble, **options) as server:
        client: Client = await server.call(plays=True)
        ready = await client.start(framing="utterance")
        await client.talk(*[QUIET] * 10, SOUND, *[QUIET] * 10)
        await client.wait("utterance", state="end")
        await clock.sleep(1.0)
        await client.send("end")
        await client.closed()
        assert client.speaker is not None
        told = [message for message in client.messages if message["type"] == "transcript"]
        return told, bytes(client.speaker.heard), ready["session"]


def recorded(folder: Path, said: str = "Tell me a long story") -> tuple[list[Any], bytes, str]:
    async def main() -> tuple[list[Any], bytes, str]:
        cassettes = Cassettes(folder)

        def assemble(request: SessionRequest) -> StreamingConversation:
            conversation = scripted(request, said)
            cassettes.keep(conversation, request.id, lambda: {"OPENAI_API_KEY": KEY})
            return conversation

        return await conversed(assemble, on_close=cassettes.close)

    return clock.run(main(), virtual=True)


def test_a_conversation_is_kept_and_played_again(tmp_path: Path):
    told, heard, session = recorded(tmp_path)
    cassette = Cassette.read(tmp_path / session)
    assert [len(cassette.of(kind)) > 0 for kind in (Heard, Answered, Spoke)] == [True] * 3
    assert all(spoke.text in STORY for spoke in cassette.of(Spoke))

    def again(request: SessionRequest) -> StreamingConversation:
        name = f"recorded:{tmp_path / session}"
        return scripted(
            request,
            transcriber=RecordedTranscriber({"stt": name}),
            agent=RecordedAgent({"llm": name}),
            synthesizer=RecordedSynthesizer({"tts": name}),
        )

    assert clock.run(conversed(again), virtual=True)[:2] == (told, heard)


def test_no_key_stands_on_it(tmp_path: Path):
    *_, session = recorded(tmp_path, f"My key is {KEY.reveal()}, I think")
    text = (tmp_path / session / EVENTS).read_text("utf-8")
    assert KEY.reveal() not in text
    assert "My key is ***, I think" in text


def test_it_holds_no_more_than_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kept, "LONGEST_SECONDS", 0.1)
    *_, session = recorded(tmp_path)
    head, *events = (tmp_path / session / EVENTS).read_text("utf-8").splitlines()
    assert json.loads(head)["parts"]
    assert events == []
    assert (tmp_path / session / SPEECH).read_bytes() == b""


def test_a_second_conversation_of_a_session_does_not_write_over_the_first(tmp_path: Path):
    *_, session = recorded(tmp_path)
    first = (tmp_path / session / EVENTS).read_bytes()

    async def main() -> None:
        cassettes = Cassettes(tmp_path)

        def assemble(request: SessionRequest) -> StreamingConversation:
            conversation = scripted(request)
            cassettes.keep(conversation, session, dict)
            return conversation

        await conversed(assemble, on_close=cassettes.close)

    clock.run(main(), virtual=True)
    assert (tmp_path / session / EVENTS).read_bytes() == first
    assert Cassette.read(tmp_path / f"{session}-2").of(Heard)


def test_a_folder_that_cannot_be_is_told_before_anything_is_served(tmp_path: Path):
    (tmp_path / "file").write_text("")
    own = AppSettings(cassettes=str(tmp_path / "file" / "below"))
    with pytest.raises(ConfigError, match=r"cassettes: .*: Not a directory"):
        serve.build(Config(own, ConversationSettings(), ProviderSettings()))
