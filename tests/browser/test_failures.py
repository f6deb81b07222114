"""When a provider or a device fails in a talk, the page says who, what was done, and what to do."""

from collections.abc import AsyncGenerator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.conversation import StreamingConversation
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.engine.transcriber import BaseTranscriber
from bench.errors import ConnectFailed, RateLimited, Rejected
from bench.testing import ScriptedAgent, ScriptedTranscriber
from tests.browser.drive import Tab
from tests.browser.far_page import ANSWER, FarPage
from tests.browser.test_page import ASKED, call, opened

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

KEY_REFUSED = "The recogniser, Deepgram, refused the key (status 401)."


class DeadAgent(BaseAgent):
    """Cannot be reached."""

    provider = "openai"

    async def generate_response(
        self, *args: Any, **kwargs: Any
    ) -> AsyncGenerator[GeneratedResponse, None]:
        raise ConnectFailed(self.provider, "status 503")
        yield


class BusyVoice(BaseSynthesizer):
    """Has no place for anybody."""

    provider = "elevenlabs"

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        raise RateLimited(self.provider, "status 429: quota_exceeded", retry_after_seconds=60.0)


class ClosedEars(BaseTranscriber):
    """Do not like the key."""

    provider = "deepgram"

    async def _run_loop(self) -> None:
        raise Rejected(self.provider, "status 401")


@pytest.fixture
def page(chrome: Browser, far: FarPage) -> Iterator[Tab]:
    with opened(chrome, far) as one:
        yield one


def hear(far: FarPage, conversation: StreamingConversation, text: str) -> None:
    """Let the recogniser hear a whole turn."""
    transcriber = conversation.transcriber
    assert isinstance(transcriber, ScriptedTranscriber)
    far.do(lambda: transcriber.hear(text))


def test_who_takes_over_is_said_until_the_user_is_heard_again(page: Tab, far: FarPage) -> None:
    far.parts = {"agent": DeadAgent()}
    backup = ScriptedAgent([ANSWER])
    backup.provider = "embedded"
    far.parts["agent"].backup = backup
    conversation = call(page, far)
    hear(far, conversation, ASKED)
    told = "The agent, OpenAI, could not be reached (status 503). Front desk took over."
    page.page.wait_for_selector(f".problem[data-mended=true] >> text={told}")
    page.page.wait_for_selector(f"#chat .tb-note >> text={told}")
    page.page.wait_for_selector(f"#chat >> text={ANSWER}")
    hear(far, conversation, "Thank you.")
    page.page.wait_for_selector(".problem", state="hidden")
    assert page.page.locator("#chat .tb-note").count() == 1


def test_an_answer_that_nobody_can_speak_is_told_of(page: Tab, far: FarPage) -> None:
    far.parts = {"synthesizer": BusyVoice()}
    conversation = call(page, far)
    hear(far, conversation, ASKED)
    page.page.wait_for_selector("#chat .tb-note")
    assert ASKED in page.text("#chat")
    told = page.text(".problem")
    assert told in page.text("#chat .tb-note")
    assert "The voice, ElevenLabs, is busy, or its quota is used up (status 429" in told
    assert "choose another one in the settings" in told
    assert page.text(".state") == "Listening"


def test_when_nobody_listens_the_page_does_not_say_that_it_listens(page: Tab, far: FarPage) -> None:
    far.parts = {"transcriber": ClosedEars()}
    call(page, far)
    page.page.wait_for_selector(".state >> text=Nobody listens")
    assert page.text(".problem").startswith(KEY_REFUSED)
    assert "Check the key in the settings, then press Stop and Start." in page.text(".problem")
    far.parts = {}
    page.talk()
    page.page.wait_for_selector(".problem", state="hidden")
    call(page, far)
    page.page.wait_for_selector(".state >> text=Listening")
