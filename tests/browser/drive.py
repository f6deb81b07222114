"""A path to a Chromium in, pages one can speak to and listen to out."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, Playwright, ViewportSize

KIT = Path(__file__).with_name("kit.js").read_text()
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
)
VIEWPORT: ViewportSize = {"width": 1280, "height": 720}
AUDIBLE = 0.01
BROKEN_OFF = ("AbortError", "Unexpected error Connection errored out")  # Gradio's, at a reload
PATIENCE_SECONDS = 30.0  # of every wait: two cores may be shared with much else
Samples = NDArray[np.float32]


@contextmanager
def browser(playwright: Playwright, path: str, *flags: str) -> Iterator[Browser]:
    """A headless Chromium whose sound is rendered (Playwright mutes it unless told not to)."""
    chromium = playwright.chromium.launch(
        executable_path=path,
        headless=False,
        args=[*FLAGS, *flags],
        ignore_default_args=["--mute-audio", "--hide-scrollbars"],
    )
    try:
        yield chromium
    finally:
        chromium.close()


@dataclass(frozen=True)
class Recording:
    """What crossed the page's audio graph: mono float samples from frame `start` of its context.

    `zero_at` is when frame 0 was, in seconds since the epoch.
    """

    rate: int
    start: int
    samples: Samples
    zero_at: float

    def audible(self, threshold: float = AUDIBLE) -> Samples:
        """From the first audible sample to the last."""
        loud = np.flatnonzero(np.abs(self.samples) > threshold)
        return self.samples[loud[0] : loud[-1] + 1] if len(loud) else self.samples[:0]

    def without_silence(self) -> Samples:
        return self.samples[np.abs(self.samples) > 1e-6]


class Tab:
    """One page with the measuring kit in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.console.append(f"uncaught: {error}"))

    def complaints(self, of: tuple[str, ...] = ("uncaught", "error")) -> list[str]:
        """What the console says that nobody wants to read, but for what a reload broke off."""
        ours = (line for line in self.console if line.startswith(of))
        return [line for line in ours if not line.partition(": ")[2].startswith(BROKEN_OFF)]

    def evaluate(self, expression: str, argument: Any = None) -> Any:
        return self.page.evaluate(expression, argument)

    def wait(self, expression: str, timeout_seconds: float = PATIENCE_SECONDS) -> None:
        self.page.wait_for_function(expression, timeout=timeout_seconds * 1000)

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def talk(self) -> None:
        self.page.click(".talk")

    def speak(self, pcm: bytes, rate: int) -> None:
        """Say PCM16 into the microphone; returns when it has been said."""
        text = base64.b64encode(pcm).decode()
        self.evaluate("([text, rate]) => kit.speak(text, rate)", [text, rate])

    def recording(self, track: str = "out", settle_seconds: float = 0.15) -> Recording:
        """What was recorded, up to `settle_seconds` after this call."""
        self.evaluate(
            """([track, more]) => { const until = kit.recorded(track) + more;
            return new Promise((resolve) => { const look = () => kit.recorded(track) >= until
            ? resolve() : setTimeout(look, 10); look(); }); }""",
            [track, settle_seconds],
        )
        taken = self.evaluate("(track) => kit.take(track)", track)
        samples = np.frombuffer(base64.b64decode(taken["samples"]), dtype="<f4")
        return Recording(int(taken["rate"]), taken["start"], samples, taken["zeroAt"])


@contextmanager
def tab(
    chromium: Browser,
    url: str,
    *,
    kit: dict[str, Any] | None = None,
    viewport: ViewportSize = VIEWPORT,
) -> Iterator[Tab]:
    """A tab of the browser, which has fetched the page's files before; `kit` sets fields of the kit
    before the page's scripts run."""
    own = chromium.contexts[0] if chromium.contexts else chromium.new_context()
    with own.new_page() as page:
        page.set_viewport_size(viewport)
        page.add_init_script(KIT)
        for name, value in (kit or {}).items():
            page.add_init_script(f"if (window.kit) window.kit.{name} = {_literal(value)};")
        opened = Tab(page)
        page.goto(url)
        yield opened


def _literal(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case _:
            return repr(value)
