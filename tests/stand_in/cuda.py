"""What cupy.cuda offers of a device: its properties, memory, streams and events, made up.

Events tell the host's time.  `memory` can be set, to run out of it.
"""

from time import perf_counter
from types import SimpleNamespace

memory = [3 * 2 ** 30, 4 * 2 ** 30]                    # bytes free, and in all


class Event:
    """cupy.cuda.Event: a point in time, once the device has come to it."""

    seconds = None

    def record(self, stream=None):
        self.seconds = perf_counter()

    def synchronize(self):
        if self.seconds is None:
            raise RuntimeError("an event that was not recorded")


def get_elapsed_time(start, end):
    """Milliseconds, as cudaEventElapsedTime."""
    return 1e3 * (end.seconds - start.seconds)


class OutOfMemoryError(MemoryError):
    """cupy.cuda.memory.OutOfMemoryError."""


def out_of_memory(count):
    """In CuPy's words."""
    return OutOfMemoryError(f"Out of memory allocating {count:,} bytes (allocated so far: 0 "
                            "bytes).")


def cuda():
    """cupy.cuda."""
    runtime = SimpleNamespace(
        CUDARuntimeError=RuntimeError, getDeviceCount=lambda: 1, getDevice=lambda: 0,
        getDeviceProperties=lambda k: {"name": b"stand-in", "major": 9, "minor": 0},
        memGetInfo=lambda: tuple(memory), runtimeGetVersion=lambda: 12090,
        driverGetVersion=lambda: 13000)
    stream = SimpleNamespace(synchronize=lambda: None)
    return SimpleNamespace(runtime=runtime, Event=Event, get_elapsed_time=get_elapsed_time,
                           get_current_stream=lambda: stream,
                           memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError))


def pool():
    """cupy.get_default_memory_pool()."""
    return SimpleNamespace(free_all_blocks=lambda: None)
