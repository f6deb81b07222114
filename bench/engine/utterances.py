"""Several listeners' names for utterances in, one series of them out."""

from __future__ import annotations


class Utterances:
    """Sees to it that no two utterances have one id, and each has one, whoever tells of it.

    Listeners count their own. After `taken_over` the first that the new one tells of is the one
    that was open, since it is the same audio that both have heard.
    """

    def __init__(self) -> None:
        self._listeners = 0
        self._open = ""  # told of, and not final
        self._carried = ("", "")  # an id of the new listener's, and what it was called before

    def taken_over(self) -> None:
        """Somebody else listens from now on."""
        self._listeners += 1
        self._carried = ("", self._open)

    def name(self, own: str, *, is_final: bool) -> str:
        """The id of an utterance that the listener itself calls `own`; none has none."""
        if not own:
            return ""
        named = self._named(own) if self._listeners else own
        self._open = "" if is_final else named
        return named

    def _named(self, own: str) -> str:
        mine, before = self._carried
        if before and not mine:
            self._carried = mine, before = own, before
        return before if before and own == mine else f"{own}.{self._listeners}"
