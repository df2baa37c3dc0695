"""Ctrl-C once: what it starts, as saving a run, no second one stops."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def once():
    """In the block, the first Ctrl-C raises KeyboardInterrupt and those after it do nothing.

    Where Python's own handler is not in place, as within another such block, or in a thread but
    the main one, which no Ctrl-C reaches, this changes nothing.
    """
    def first(number, frame):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    ours = (threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    if ours:
        signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
