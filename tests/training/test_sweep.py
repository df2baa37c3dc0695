"""A sweep gives the same numbers wherever it runs."""

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from reference.training import sweep
from reference.training.defaults import make
from tests.training.runs import digits

OPTIMIZERS = {"kbfgs": {"length": 0.2}, "kfac": {}, "sgd": {"length": 0.1}}


def swept(executor=None):
    return sweep(["digits", "chaotic-series"], {"sgd": {"length": 0.1}, "kbfgs": {}}, [0, 1], 1,
                 executor)


def equal(some, others):
    return all(a.job == b.job and a.reason == b.reason and np.array_equal(a.theta, b.theta)
               and all(np.array_equal(a.epochs[name], b.epochs[name], equal_nan=True)
                       for name in a.epochs if name != "seconds")
               for a, b in zip(some, others, strict=True))


def test_processes_and_threads_give_what_a_loop_gives():
    serial = swept()
    # not forked: a fork of this process would copy its threads' locks
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        assert equal(swept(processes), serial)
    with ThreadPoolExecutor(3) as threads:
        assert equal(swept(threads), serial)
    assert not equal(serial, serial[::-1])


def test_a_cluster_gives_what_a_loop_gives():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        with distributed.Client(cluster) as client:
            assert equal(swept(client.get_executor()), swept())


def test_the_order_is_tasks_then_optimisers_then_seeds_and_columns_are_the_epochs():
    results = swept()
    assert [(r.job.task, r.job.optimizer, r.job.seed) for r in results[:5]] == [
        ("digits", "sgd", 0), ("digits", "sgd", 1), ("digits", "kbfgs", 0), ("digits", "kbfgs", 1),
        ("chaotic-series", "sgd", 0)]
    assert list(results[0].epochs["epoch"]) == [0, 1]
    assert dict(results[0].job.fields) == {"length": 0.1}


def test_a_run_that_diverges_says_so_and_the_others_go_on():
    bad, good = sweep(["chaotic-series"], ["sgd", "adam"], [0], 1, None)
    assert not good.reason
    bad, = sweep(["chaotic-series"], {"sgd": {"length": 1e200}}, [0], 3)
    assert bad.theta is None and "step" in bad.reason


# ---- defaults ----

def test_a_default_is_overridden_field_by_field():
    posed = digits()
    optimizer, batch = make("kbfgs", posed)
    assert (optimizer.length, optimizer.safeguard, batch) == (0.3, 0.0, 50)
    optimizer, batch = make("kbfgs", posed, {"length": 0.1, "safeguard": None}, batch=20)
    assert (optimizer.length, optimizer.safeguard, batch) == (0.1, None, 20)
    assert make("lbfgs", posed)[1] == 200
    assert make("stochastic-hessian-free", posed)[0].per_epoch == 4


@pytest.mark.parametrize("name, chosen, words", [
    ("kbgfs", {}, "choose one of kbfgs"), ("sgd", {"lr": 1}, "length, momentum, form"),
    ("sgd", {"length": -1}, "length of SGD is -1")])
def test_what_is_no_default_is_refused(name, chosen, words):
    with pytest.raises(ValueError, match=words):
        make(name, digits(), chosen)
