"""Play.ht's HTTP stream; its SDK is in the legacy environment."""

from tests.contracts.cases._legacy import LegacyCase

CASES = (
    LegacyCase(
        name="playht",
        role="voice",
        provider="playht",
        emulator="bench.emulators.playht:PlayHTEmulator",
        adapter="bench.providers.playht:PlayHTSynthesizer",
        url="playht_url",
        key="PLAYHT_API_KEY",
        keys={"PLAYHT_USER_ID": "a-playht-user"},
        gaps={
            "429_is_rate_limited_with_its_wait": "the SDK drops the header that holds the wait",
            "words_have_times": "the protocol has none: what was heard is an estimate",
        },
    ),
)
