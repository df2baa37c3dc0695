"""Why code that CuPy could not run meets no device array: {file: {function or "*": reason}}."""

NUMPY_S = "the vocabulary of NumPy's arrays; device.py has that of CuPy's"
PLACES = "a table of places, of shapes alone; `take` and `scatter` move it"
SIZES = "sizes, of shapes alone"
WRITTEN = "what is written or read goes through to_host, or is a record's numbers"
INDEX = "indices of theta or of examples; `alongside` moves them where they are used"
START = "theta is drawn on the host"

HOST = {
    "arrays/checks.py": {"plain": "asks for NumPy's scalars first"},
    "arrays/floats.py": {"*": NUMPY_S},
    "arrays/linalg.py": {
        "block_diag": SIZES,
        "_balls": "of balls alone", "_eliminate": "of longdouble, which no device has"},
    "arrays/memory.py": {"keep_freed": "asks the host's allocator to keep what is freed"},
    "arrays/transfer.py": {"to_host": "the way to the host itself"},
    "network/attention.py": {
        "Attention.__post_init__": "the mask is kept on the host; `where` moves it",
        "Attention._seen": "of lengths alone; `where` moves it"},
    "network/compose.py": {"Sequential.entries": INDEX},
    "network/embedding.py": {"Embedding.start": START},
    "network/initial.py": {"sparse": START},
    "network/losses.py": {"_sample_categorical": "labels are drawn on the host, then moved"},
    "network/names.py": {"*": "arrays of a file or another program, by name"},
    "network/normalise.py": {"Normalisation.start": START},
    "network/objective.py": {"_require_examples": INDEX},
    "network/padding.py": {"_ZeroPad.divisors": PLACES},
    "network/patches.py": {"plan": PLACES},
    "network/places.py": {"*": PLACES},
    "network/pooling.py": {"_products": PLACES, "_windows_of_one": PLACES},
    "network/targets.py": {
        "classes": "class weights are the loss's, on the host; `alongside` moves them",
        "counted": "class weights are the loss's, on the host; `alongside` moves them"},
    "derivatives/taylor.py": {"*": "of balls, `by_host`"},
    "derivatives/third.py": {"_by_series": "of balls' series, which `taylor` makes on the host"},
    "curvature/assembly.py": {"_empty_matrix": SIZES},
    "curvature/block_diagonal.py": {"Blockwise.__init__": INDEX},
    "curvature/contractions.py": {"dual_matrices": SIZES},
    "curvature/damping.py": {"_require_number": "goes through to_host"},
    "curvature/diagonal.py": {"diagonal": INDEX},
    "curvature/groups.py": {"_owner": INDEX, "_taken": INDEX},
    "curvature/kron.py": {"KronBlocks.__matmul__": SIZES},
    "curvature/nearest.py": {"_upper": INDEX},
    "curvature/operator.py": {"_rows": INDEX, "groups_of": INDEX},
    "curvature/partition.py": {"*": INDEX},
    "curvature/quadrature.py": {"*": "nodes and weights are few, and made on the host"},
    "curvature/solve.py": {"_by_blocks": SIZES},
    "curvature/stepwise.py": {"_places": INDEX},
    "curvature/tridiagonal.py": {"_cut": SIZES},
    "optim/hessian_free.py": {"curvature_part": INDEX},
    "optim/invariants.py": {"Invariants.__post_init__": "names of laws"},
    "optim/laws.py": {"length": "of what `Invariants` was told, on the host"},
    "optim/levenberg_marquardt.py": {"LevenbergMarquardt.step": INDEX, "rows": INDEX},
    "optim/matrix_laws.py": {"_eigenvalues": "of what `Invariants` was told, on the host"},
    "optim/step.py": {"_column": "numbers of infos, each through to_host"},
    "training/checkpoint.py": {"*": WRITTEN},
    "training/coding.py": {"_own": WRITTEN, "_setting": WRITTEN},
    "training/folder.py": {"configuration": WRITTEN},
    "training/job.py": {"ran": "settings of runs"},
    "training/measured.py": {"spread": "times"},
    "training/record.py": {"*": WRITTEN},
    "training/sweep.py": {"ran": "settings of runs"},
}
