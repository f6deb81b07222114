"""AssemblyAI's streaming socket."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="assemblyai",
        role="transcriber",
        provider="assemblyai",
        emulator="bench.emulators.assemblyai:AssemblyAIEmulator",
        adapter="bench.providers.assemblyai:AssemblyAITranscriber",
        url="assemblyai_url",
        key="ASSEMBLYAI_API_KEY",
    ),
)
