"""Amazon Polly: PCM, and speech marks beside it."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="polly",
        role="voice",
        provider="polly",
        emulator="bench.emulators.polly:PollyEmulator",
        adapter="bench.providers.polly:PollySynthesizer",
        url="polly_url",
        key="AWS_ACCESS_KEY_ID",
        keys={
            "AWS_SECRET_ACCESS_KEY": "a-secret-for-emulators",
            "AWS_REGION": "us-east-1",
        },
        tells_ends=False,
    ),
)
