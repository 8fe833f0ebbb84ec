"""A call that runs in a thread of its own while its caller does something else: the model, or SQLite, works without Python.

`threading` is imported when there is something to begin; a small question by words begins nothing. Lean.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Begun:
    """A call that was begun; `result` waits for it."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        from threading import Thread

        self._call = call
        self._arguments = arguments
        self._made: object = None
        self._error: BaseException | None = None
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._made = self._call(*self._arguments)
        except BaseException as error:  # it belongs to whoever waits for the result
            self._error = error

    def result(self) -> Any:
        """What the call returned. Raises what it raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._made
