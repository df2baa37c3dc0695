"""The tests run in as many processes as there are cores (setup.cfg), one thread of BLAS in each."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")          # read when a process imports NumPy
