"""The GPU that CuPy computes on: whether there is one, what it has free, its clock, and TF32.

TF32 rounds both factors of a float32 matrix product to 11 bits and calls the result float32.  CuPy
reads the environment variable CUPY_TF32 once, at the first product: above 0, float32 and complex64
products are made in TF32 on devices that have it (compute capability 8.0 and later); 0, below, or
not set, they are not; anything but a whole number, and every such product raises ValueError.
"""

import os
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module

VARIABLE = "CUPY_TF32"


class NoDevice(Exception):
    """There is no GPU that CuPy can use; the message says why, and what to do."""


@dataclass(frozen=True)
class Device:
    """What computes: its name and compute capability, versions, and bytes free and in all."""

    name: str
    capability: str
    cupy: str
    cuda: str
    driver: str
    free: int
    total: int

    def __str__(self):
        return (f"{self.name} (compute capability {self.capability}), CuPy {self.cupy}, "
                f"CUDA {self.cuda}, driver for CUDA {self.driver}")


def device():
    """The Device that CuPy uses.

    Raises
    ------
    NoDevice
        Without CuPy, or without a GPU that it can use.
    """
    cupy = library_of_the_device()
    runtime = cupy.cuda.runtime
    try:
        if not runtime.getDeviceCount():
            raise RuntimeError("it counts 0")
        found = runtime.getDeviceProperties(runtime.getDevice())
    except RuntimeError as error:
        raise NoDevice(f"CuPy {cupy.__version__} finds no GPU that it can use ({error}); see that "
                       "nvidia-smi lists one and that CuPy is that of its CUDA, or stay on "
                       "numpy.") from None
    free, total = runtime.memGetInfo()
    return Device(found["name"].decode(), f"{found['major']}.{found['minor']}", cupy.__version__,
                  _version(runtime.runtimeGetVersion()), _version(runtime.driverGetVersion()),
                  free, total)


def library_of_the_device():
    """The module cupy; NoDevice if it is not there, saying what to install."""
    try:
        return import_module("cupy")
    except ImportError as error:
        raise NoDevice(f"CuPy is not there ({str(error).strip().splitlines()[0]}); in a "
                       "clone, pip install '.[cupy12x]' or '.[cupy13x]', for CUDA 12 or 13, or "
                       "stay on numpy.") from None


def _version(number):
    """12090 -> "12.9"."""
    return f"{number // 1000}.{number % 1000 // 10}"


# ---- time ----

def seconds(function):
    """Of one run, between two events on the device: from an idle device until all is computed."""
    cuda = import_module("cupy").cuda
    start, end = cuda.Event(), cuda.Event()
    cuda.get_current_stream().synchronize()
    start.record()
    function()
    end.record()
    end.synchronize()
    return cuda.get_elapsed_time(start, end) / 1e3


# ---- memory ----

def give_back():
    """CuPy keeps what arrays freed for its next ones: give it back to the device, for others."""
    import_module("cupy").get_default_memory_pool().free_all_blocks()


@contextmanager
def sparing(advice):
    """In the block, a MemoryError of NumPy or CuPy says what to do, too; one of ours says so.

    CuPy's OutOfMemoryError is a MemoryError.
    """
    try:
        yield
    except MemoryError as error:
        if type(error) is MemoryError and str(error):
            raise
        what = str(error).rstrip(".") or "out of memory"
        raise MemoryError(f"{what[0].upper()}{what[1:]}; {advice}.") from error


# ---- TF32 ----

def tf32_asked():
    """What the environment says: None for nothing, True, False, or the text that CuPy refuses."""
    text = os.environ.get(VARIABLE)
    try:
        return None if text is None else int(text) > 0
    except ValueError:
        return text
