"""A conversation over a websocket that goes on while something else happens."""

import threading
from typing import Self

from websockets.sync.connection import Connection

from tests.rigs.waiting import until


class Talk:
    """Frames sent and answered without a pause, in a thread of their own, until told to stop."""

    def __init__(self, websocket: Connection):
        self.websocket = websocket
        self.sent, self.answered = 0, 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._talk)

    def _talk(self) -> None:
        while not self.over.is_set():
            self.websocket.send(f"frame {self.sent}")
            self.sent += 1
            self.answered += self.websocket.recv(5) == f"frame {self.answered}"

    def __enter__(self) -> Self:
        self.thread.start()
        until(lambda: self.answered > 10, "the session answers frames")
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join(10)

    @property
    def lost(self) -> int:
        """Frames that were not answered, or not with what was sent. Ask when the talk is over."""
        return self.sent - self.answered
