"""CuPy on a real device, for tests marked `gpu`: skipped without one, never passed."""

import pytest


def cupy_or_skip():
    """CuPy; a driver that is missing raises where devices are counted."""
    cupy = pytest.importorskip("cupy")
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"no device: {error}")
    if not count:
        pytest.skip("no device")
    return cupy
