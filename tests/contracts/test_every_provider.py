"""What goes wrong is one of our errors, in time; nothing stays behind, and no key is shown.

Asked of every adapter, whatever its role.
"""

import asyncio
import logging
import re
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from bench import clock
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected, Stalled
from tests.contracts.case import Case
from tests.contracts.each import each
from tests.contracts.ends import POOL_GROWS, Held, refused_port, settled
from tests.contracts.served import STAGES, fault, midway
from tests.contracts.sessions import session
from tests.contracts.trying import Tried, tried

pytestmark = pytest.mark.contract

WRONG_KEY = "wrong-and-secret-8hT3"
DEADLINE_SECONDS = {"stt": 8.0, "llm": 3.0, "tts": 3.0}  # of quiet in the middle of a result
BEFORE_SECONDS = 3.0  # at most, until that middle is reached
SESSIONS, FEWER_SESSIONS = 100, 25  # those on the wall clock, and those that break, are fewer
BUDGET_SECONDS = 5.0  # of the CPU
AT_ONCE = 5  # of those on the wall clock
WARM_UP = 5  # sessions side by side, until a native library has made its threads


def failed(case: Case, kind: str, **options: Any) -> Tried:
    return case.run(tried(case, faults=(fault(case, kind, **options),)))


def is_one_of_ours(case: Case, error: ProviderError, *kinds: type[ProviderError]) -> None:
    assert type(error) in kinds, repr(error)
    assert error.provider == case.provider
    assert error.reason


@each()
def test_a_wrong_key_is_rejected(case: Case):
    is_one_of_ours(case, case.run(tried(case, key=WRONG_KEY)).error, Rejected)


@each()
def test_429_is_rate_limited(case: Case):
    is_one_of_ours(case, failed(case, "http_429").error, RateLimited)


@each()
def test_429_is_rate_limited_with_its_wait(case: Case):
    error = failed(case, "http_429", retry_after_seconds=7.0).error
    assert isinstance(error, RateLimited)
    assert error.retry_after_seconds == 7.0


@each()
def test_503_is_a_failed_connection(case: Case):
    is_one_of_ours(case, failed(case, "http_503").error, ConnectFailed)


@each()
def test_nobody_there_is_a_failed_connection(case: Case):
    async def main() -> ProviderError:
        async with case.make_emulator(*[()] * (case.role != "voice")).serving() as server:
            nobody = re.sub(r":\d+", f":{refused_port()}", server.url)
        return (await tried(case, config={case.url: nobody})).error

    is_one_of_ours(case, case.run(main()), ConnectFailed)


@each()
def test_who_accepts_and_never_answers_is_given_up(case: Case):
    """A socket has no handshake within 2 s; what has been asked has no answer within 8 s."""
    error, after, _, _ = failed(case, "connect_timeout")
    is_one_of_ours(case, error, ConnectFailed, Stalled)
    limit = 2.0 if isinstance(error, ConnectFailed) else 8.0
    assert after <= limit + (0.1 if case.virtual else 1.0)


@each()
def test_garbage_is_a_broken_stream(case: Case):
    is_one_of_ours(case, failed(case, "malformed", **midway(case)).error, BrokenStream)


@each()
def test_a_break_in_the_middle_is_a_broken_stream(case: Case):
    is_one_of_ours(case, failed(case, "disconnect", **midway(case)).error, BrokenStream)


@each()
def test_silence_is_a_stall_within_the_deadline(case: Case):
    error, after, _, gone = failed(case, "stall", for_seconds=60.0, **midway(case))
    is_one_of_ours(case, error, Stalled)
    assert after <= DEADLINE_SECONDS[STAGES[case.role]] + BEFORE_SECONDS
    assert len(gone) == 1 or case.role == "transcriber"  # the server was told


@each()
def test_nothing_is_left_after_many_sessions(case: Case):
    case.run(many(case, SESSIONS if case.virtual else FEWER_SESSIONS))


@each()
def test_nothing_is_left_after_many_that_broke(case: Case):
    broken = fault(case, "disconnect", every=True, **midway(case))
    case.run(many(case, FEWER_SESSIONS, faults=(broken,)))


async def many(case: Case, number: int, **emulator: Any) -> None:
    """Sessions, and then no more task, descriptor or thread than before."""
    at_once = 1 if case.virtual else AT_ONCE
    async with session(case, **emulator) as converse:
        await asyncio.gather(*(converse() for _ in range(WARM_UP)))
        await clock.sleep(1.0 if case.virtual else 0.1)
        before, began = Held.before(), clock.cpu_seconds()
        for held in range(0, number, at_once):
            if held >= FEWER_SESSIONS and clock.cpu_seconds() - began > BUDGET_SECONDS:
                break  # an SDK that is slow to begin
            await asyncio.gather(*(converse() for _ in range(at_once)))
        # What leaks leaks with every session.
        await settled(before, virtual=case.virtual, spare=0 if case.virtual else POOL_GROWS)


@each()
def test_the_key_is_shown_nowhere(
    case: Case, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    with everything_logged(caplog):
        shown = told(case, key=WRONG_KEY)
        shown += told(case, faults=(fault(case, "http_503"),))
        shown += told(case, faults=(fault(case, "malformed", **midway(case)),))
    shown += caplog.text + "".join(capfd.readouterr())
    assert WRONG_KEY not in shown
    assert case.right_key not in shown
    others = [text for name, text in case.keys.items() if "KEY" in name or "SECRET" in name]
    assert [text for text in others if text in shown] == []


def told(case: Case, **options: Any) -> str:
    error, _, by, _ = case.run(tried(case, **options))
    return by + repr(error) + "".join(traceback.format_exception(error))


@contextmanager
def everything_logged(caplog: pytest.LogCaptureFixture) -> Generator[None]:
    """Every logger there is says all it knows, those too that keep to themselves."""
    with caplog.at_level(logging.DEBUG):
        own = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
        before = [(one, one.level, one.propagate) for one in own]
        for one in own:
            one.setLevel(logging.DEBUG)
            one.propagate = True
        yield
        for one, level, propagate in before:
            one.setLevel(level)
            one.propagate = propagate
