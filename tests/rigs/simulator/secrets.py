"""What no reader may find of logs, artifacts, parameters and messages."""

from typing import Any


class Secrets:
    """Every secret that was made, and where one was seen."""

    def __init__(self, broken: Any) -> None:
        self._broken = broken
        self.tokens: list[str] = []
        self.routes: list[str] = []
        self.keys: list[str] = []

    def remember(self, text: str) -> str:
        """Of each session the store makes two: its route first, then its token."""
        (self.routes if len(self.routes) == len(self.tokens) else self.tokens).append(text)
        return text

    def check(self, where: str, text: str, routes_too: bool = False) -> None:
        """A route may stand where its user is told the address, a token nowhere."""
        for secret in (*self.tokens, *self.keys, *(self.routes if routes_too else ())):
            if secret in text:
                self._broken.add(f"10: a secret is in {where}: {text[:80]}")
