"""Small runs, and what two of them share; as a program, one run that a test may kill."""

import sys

import numpy as np

from reference.problems import task
from reference.training import train
from reference.training.defaults import make

CHOSEN = {                              # enough that every kind of state is carried on
    "kbfgs": {}, "kbfgs-l": {"memory": 3}, "kfac": {"structure": "tridiagonal"},
    "simple-kfac": {}, "hessian-free": {"maxiter": 5}, "block-hessian-free": {"maxiter": 5},
    "stochastic-hessian-free": {}, "newton-krylov": {"maxiter": 5}, "ea-cg": {"maxiter": 5},
    "lbfgs": {}, "sgd": {}, "rmsprop": {}, "adam": {},
}


def digits(dtype="float64"):
    return task("digits", "tiny", dtype=dtype)


def run(name, out=None, epochs=2, dtype="float64", posed=None, **options):
    """(Progress, Record) of an optimiser by name, with batches of 50 of 200 digits."""
    posed = posed or digits(dtype)
    size = min(50, posed.train.N // 2)
    optimizer, _ = make(name, posed, CHOSEN.get(name, {}), batch=size)
    return train(posed, optimizer, out, epochs, batch=size, **options)


def numbers(at, log):
    """All that must be equal, seconds left out."""
    steps, epochs = log.until(at)
    return at.theta, steps[:, :5], np.delete(epochs, 2, axis=1)


def same(one, other):
    """Whether two runs are equal bit for bit."""
    return all(a.dtype == b.dtype and np.array_equal(a, b, equal_nan=True)
               for a, b in zip(numbers(*one), numbers(*other), strict=True))


if __name__ == "__main__":
    print("started", flush=True)
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]), resume=True)
