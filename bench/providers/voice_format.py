"""A voice's audio as it travels in, PCM out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from bench.errors import BrokenStream, ConfigError

EXTRA = "pip install 'talkbench[mp3]'"


class VoiceFormat:
    """What the setting `voice_format` asks for, of a vendor that has both: PCM, or MP3.

    Raises:
        ConfigError: MP3, and what decodes it is not installed.
    """

    def __init__(self, agent_config: Mapping[str, Any], provider: str) -> None:
        self.is_mp3 = agent_config.get("voice_format") == "mp3"
        self.name = "mp3" if self.is_mp3 else "pcm"
        self._provider = provider
        if self.is_mp3:
            try:
                import bench.providers.mp3  # noqa: F401
            except ModuleNotFoundError:
                raise ConfigError(f"voice_format: mp3 wants its extra: {EXTRA}") from None

    async def pcm(
        self, audio: AsyncGenerator[bytes, None], rate: int
    ) -> AsyncGenerator[bytes, None]:
        """`audio` as PCM, which it is at `rate` (Hz) or is made; closing it closes `audio`.

        Raises:
            BrokenStream: it should be MP3 and is not.
        """
        if self.is_mp3:
            from bench.providers.mp3 import decoded

            audio = decoded(audio, rate)
        async with contextlib.aclosing(audio):
            try:
                async for piece in audio:
                    yield piece
            except ValueError as error:
                raise BrokenStream(self._provider, str(error)) from None
