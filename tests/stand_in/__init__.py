"""CuPy without a device: arrays in host memory that obey CuPy's rules, and its modules around them.

    with installed():                       # tests.stand_in.modules
        objective.to("cupy")

Each rule, why it matters here, and where CuPy 14.2 has it (`core`: cupy/_core/core.pyx, `indexing`:
_routines_indexing.pyx, `kernel`: _kernel.pyx, all of cupy/_core):

    no implicit way to NumPy                       core, ndarray.__array__
    no NumPy array beside a device array           kernel, _preprocess_args: "Unsupported type"
    only 64 bits and less, no objects              _carray/_dtype: "Unsupported dtype"
    only what `record.json` lists: functions, their parameters, the types of ufuncs
                                                   read from CuPy itself by `record`
    a ufunc takes out, dtype and casting alone     kernel, ufunc.__call__
    get() gives C order, unless it is asked for "A"  core, ndarray.get
    reductions give 0-d arrays, no numbers         core, ndarray.sum and its like
    array indices out of range wrap, unsaid        indexing, _take_kernel_core, _scatter_op_single
    add.at of int32, uint32, uint64 and floats     indexing, _scatter_op_single
    float warnings are never given                 CUDA kernels have none
    log1p and expm1 of complex numbers are log(1 + x) and exp(x) - 1
                                                   cupy/_core/include/cupy/complex.cuh
    factorisations fail in silence, but in cupyx.errstate(linalg="raise")
                                                   cupy/linalg/_util.py, _check_cusolver_...
    solve does not broadcast stacks                cupy/linalg/_solve.py, solve
    split at places on the host, einsum without out
                                                   _manipulation/split.py; linalg/_einsum.py
    no __index__, no __contains__                  core defines none
    operators are cupyx's                          cupyx/scipy/sparse/linalg/_interface.py

Stricter than CuPy, since each is a round trip that nobody sees: no iteration over single numbers,
no item() and tolist(), no NumPy array or list as an index, and what crosses does so in
reference/arrays/transfer.py.  Numbers that go to the host (bool, float, int of a device array, its
text) are noted in `array.trips`, arrays that cross in `array.moves`.

`beside` asks a real CuPy, where it is installed, of every call that the stand-in takes: without a
device it tells shapes, views and refusals, up to where something would be computed.
"""
