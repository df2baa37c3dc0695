"""The tests run in as many processes as there are cores (setup.cfg), one thread of BLAS in each."""

import os
import signal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")          # read when a process imports NumPy
signal.signal(signal.SIGINT, signal.default_int_handler)    # ignored in what a script starts by &
