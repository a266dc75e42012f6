"""Raise an exception in another thread, by the one call that CPython's C API has for it."""

import ctypes
import threading


def raise_in_thread(thread: threading.Thread, error: type[BaseException]) -> bool:
    """Raise *error* in *thread* at its next step in Python; a call that blocks in C returns first.

    Returns:
        Whether there was such a thread.
    """
    ident = ctypes.c_ulong(thread.ident or 0)
    return ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(error)) == 1
