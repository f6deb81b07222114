"""Text in as it is written, speech out with the time of every character: ElevenLabs' socket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    SynthesisResult,
)
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, ConnectFailed, Stalled
from bench.providers.connections import FIRST_RESULT_SECONDS, key_of
from bench.providers.elevenlabs import (
    KEY_VARIABLE,
    MODEL,
    RATES,
    URL,
    USUAL_RATE,
    VOICE,
    language_of,
)
from bench.providers.elevenlabs_contexts import PROVIDER, Context, Line, Message, opened
from bench.providers.pieces import pieces
from bench.providers.spoken_characters import SpokenCharacters

SCHEDULE = (50, 80, 120, 160)  # characters that speech waits for while a text is being written
QUIET_SECONDS = 2.0  # between two pieces of a text that was flushed …
LOOK_SECONDS = 0.25  # … and between two looks at whether that is over


class ElevenLabsSocketSynthesizer(BaseSynthesizer):
    """Speech over one connection that is kept, every text a context of its own, with word times.

    `synthesizer_config` may hold what `ElevenLabsSynthesizer` takes. A text that is called off
    closes its context and leaves the connection, and what else is spoken on it, alone; by the
    vendor's word, what was flushed is made all the same, and it is thrown away here.
    """

    provider = PROVIDER
    streams_text = True

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self.voice = config.get("voice") or VOICE
        self.model = config.get("voice_model") or MODEL
        self.language = language_of(self.model, config.get("language"))
        address = (config.get("elevenlabs_url") or URL).rstrip("/")
        self._url = "ws" + address.removeprefix("http")
        self._key = key_of(config, KEY_VARIABLE, self.provider)
        self._line: Line | None = None
        self._ends = 0  # how often it was told to hang up
        self._opening = asyncio.Lock()

    async def warm_up(self) -> None:
        """Connect.

        Raises:
            ConnectFailed, RateLimited, Rejected: it does not open.
        """
        await self._opened()

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; words are known as their audio comes."""
        return self._speech(_whole(message.text), chunk_size)

    async def create_streamed_speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int
    ) -> SynthesisResult:
        """Begin to say a text that is still being written, piece by piece as it comes; closing the
        result closes `texts`."""
        schedule = {"chunk_length_schedule": list(SCHEDULE)}
        return self._speech(texts, chunk_size, generation_config=schedule)

    async def terminate(self) -> None:
        """Close the connection."""
        self._ends += 1
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    def _speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int, **options: Any
    ) -> SynthesisResult:
        spoken = SpokenCharacters("", self.sampling_rate)
        audio = self._audio(spoken, texts, options)
        chunks = pieces(audio, self._rate, self.sampling_rate, chunk_size)
        spoken.result = SynthesisResult(chunks, spoken.up_to)
        return spoken.result

    @property
    def _rate(self) -> int:
        return self.sampling_rate if self.sampling_rate in RATES else USUAL_RATE

    async def _audio(
        self, spoken: SpokenCharacters, texts: AsyncGenerator[str, None], options: dict[str, Any]
    ) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes, while the text is sent."""
        rate = self._rate
        try:
            context = await (await self._opened()).begin()
        except BaseException:  # a cancellation as well: nobody is to write on
            await texts.aclose()
            raise
        text = _Text(context, spoken)
        writer = spawn(text.write(texts, options), name="ElevenLabs writer")
        try:
            while (message := await context.next()) is not None:
                pcm = _read(message, spoken)
                spoken.hear(len(pcm) / (SAMPLE_WIDTH * rate))
                yield pcm
                await text.close_if_spoken()
        finally:
            writer.cancel()
            await context.abandon()
            await Ending([writer])
        spoken.finish()
        if not spoken.complete:
            raise BrokenStream(self.provider, "the speech ended before its text did")

    async def _opened(self) -> Line:
        """The connection, anew if it broke or is none for the rate that is wanted now."""
        async with self._opening:
            line, url = self._line, self._address()
            if line is not None and (line.url != url or not line.is_usable):
                self._line = None
                await line.close()
            if self._line is None:
                ends, line = self._ends, await opened(url, self._key)
                if self._ends != ends:
                    await line.close()
                    raise ConnectFailed(self.provider, "hung up meanwhile")
                self._line = line
            return self._line

    def _address(self) -> str:
        query = {
            "model_id": self.model,
            "output_format": f"pcm_{self._rate}",
            "sync_alignment": "true",
            **({"language_code": self.language} if self.language else {}),
        }
        return f"{self._url}/v1/text-to-speech/{self.voice}/multi-stream-input?{urlencode(query)}"


class _Text:
    """Sends one text into its context, and closes that when all was spoken."""

    def __init__(self, context: Context, spoken: SpokenCharacters) -> None:
        self._context, self._spoken = context, spoken
        self._is_whole = False  # and flushed

    async def write(self, texts: AsyncGenerator[str, None], options: dict[str, Any]) -> None:
        """Send the text; an error of its writer's is told where the speech is read."""
        context = self._context
        try:
            async with contextlib.aclosing(texts):
                await context.say(" ", **options)
                async for text in texts:
                    if text:  # an empty one would be none
                        self._spoken.text += text
                        await context.say(text)
            await context.say(" ", flush=True)
            self._is_whole = True
            await self.close_if_spoken()
            await self._watch()
        except ConnectionClosed:
            pass  # every context is told why
        except Exception as error:
            context.end(error)

    async def close_if_spoken(self) -> None:
        """Close the context when all of the text was spoken: what follows is silence."""
        if self._is_whole and self._spoken.all_here:
            await self._context.close()

    async def _watch(self) -> None:
        """Close the context when nothing more comes; give up when it then does not end."""
        context = self._context
        while not context.is_final:
            await clock.sleep(LOOK_SECONDS)
            patience = QUIET_SECONDS if context.received else FIRST_RESULT_SECONDS
            if clock.now() - context.moved_at < patience:
                continue
            if context.is_closed or not context.received:
                late = Stalled(PROVIDER, "no audio in time")
                context.end(late if self._spoken.left > 0 else None)
                return
            await context.close()


async def _whole(text: str) -> AsyncGenerator[str, None]:
    yield text


def _read(message: Message, spoken: SpokenCharacters) -> bytes:
    """The PCM of a message; its characters are timed from its own beginning, in milliseconds."""
    try:
        pcm = base64.b64decode(message["audio"], validate=True)
        if (times := message.get("alignment")) is not None:
            starts = [start / 1000 for start in times["charStartTimesMs"]]
            ends = [
                start + length / 1000
                for start, length in zip(starts, times["charDurationsMs"], strict=True)
            ]
            spoken.add(times["chars"], starts, ends, of_piece=True)
    except (LookupError, TypeError, ValueError) as error:
        reason = f"not a piece of speech: {type(error).__name__}"
        raise BrokenStream(PROVIDER, reason) from None
    return pcm
