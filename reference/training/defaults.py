"""Optimisers by name, and hyper-parameters to begin with, by optimiser and task.

Each entry says where its numbers are from: a paper's text, its public code, or ours, which are
plain choices that were not searched for.  What no entry sets is the dataclass's own default.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..optim.block_hessian_free import BlockHessianFree
from ..optim.classical import LBFGS, Newton
from ..optim.ea_cg import EACG
from ..optim.first_order import SGD, Adam, RMSprop, baseline_adam, baseline_rmsprop
from ..optim.hessian_free import HessianFree
from ..optim.kbfgs import KBFGS
from ..optim.kfac import KFAC
from ..optim.levenberg_marquardt import BlockLevenbergMarquardt, LevenbergMarquardt
from ..optim.newton_krylov import NewtonKrylov
from ..optim.simple_kfac import SimpleKFAC
from ..optim.stochastic_hessian_free import StochasticHessianFree

OPTIMIZERS = {                          # name -> a maker that takes the dataclass's fields
    "kbfgs": KBFGS,
    "kbfgs-l": KBFGS,
    "kfac": KFAC,
    "simple-kfac": SimpleKFAC,
    "hessian-free": HessianFree,
    "hessian-free-batches": HessianFree,            # on mini-batches, as block-hessian-free
    "block-hessian-free": BlockHessianFree,
    "stochastic-hessian-free": StochasticHessianFree,
    "newton-krylov": NewtonKrylov,
    "ea-cg": EACG,
    "levenberg-marquardt": LevenbergMarquardt,
    "block-levenberg-marquardt": BlockLevenbergMarquardt,
    "block-lm-synchronous": BlockLevenbergMarquardt,
    "newton": Newton,
    "lbfgs": LBFGS,
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adam": Adam,
    "rmsprop-momentum": RMSprop,        # of the momentum's square, as [GRB20]'s baselines
    "adam-momentum": Adam,
}


@dataclass(frozen=True)
class Default:
    """Fields, where they are from, and whether a batch is all the data."""

    fields: dict = field(default_factory=dict)
    source: str = "the dataclass's own"
    whole: bool = False


def _own(optimizer):
    """The fields of a dataclass, as a dict."""
    return {each.name: getattr(optimizer, each.name) for each in fields(optimizer)}


_SAFE = {"safeguard": 0.0}
_KBFGS = "length and damping by [GRB20]'s code; the safeguard is ours, None as published"
_L = {"memory": 100, **_SAFE}

DEFAULTS = {                            # optimiser, or (optimiser, task) -> Default
    "kbfgs": Default(_SAFE, _KBFGS),
    "kbfgs-l": Default(_L, _KBFGS),
    "kfac": Default({"damping": 1.0}, "ours; all else [MG15], but a diagonal structure"),
    "hessian-free": Default({"damping": 1.0, "curvature_batch": 0.25}, "ours", whole=True),
    "hessian-free-batches": Default(
        {"damping": 1.0, "curvature_batch": 0.25}, "ours; a quarter of the batch [ZXB17]"),
    "block-hessian-free": Default({"damping": 1.0}, "ours; a quarter of the batch [ZXB17]"),
    "stochastic-hessian-free": Default({}, "[Kir13]"),
    "newton-krylov": Default({}, "ours"),
    "ea-cg": Default({}, "[CCC18], as others restate it"),
    "simple-kfac": Default({"length": 0.1, "damping": 0.1}, "ours"),
    "levenberg-marquardt": Default({}, "ours", whole=True),
    "block-levenberg-marquardt": Default({}, "ours", whole=True),
    "block-lm-synchronous": Default({"schedule": "synchronous"}, "ours", whole=True),
    "newton": Default({}, "ours", whole=True),
    "lbfgs": Default({}, "ours", whole=True),
    "sgd": Default({"length": 0.01, "momentum": 0.9}, "ours"),
    "rmsprop": Default({"length": 1e-3}, "ours"),
    "adam": Default({}, "[KB15]"),
    "rmsprop-momentum": Default(_own(baseline_rmsprop(1e-3)), "[GRB20]'s code; the length is ours"),
    "adam-momentum": Default(_own(baseline_adam(1e-3)), "[GRB20]'s code; the length is ours"),
    ("simple-kfac", "mnist-autoencoder"): Default({}, "[GRB20]'s code"),
}
_AUTOENCODERS = ("mnist-autoencoder", "curves-autoencoder", "faces-autoencoder")
for _task in _AUTOENCODERS:
    DEFAULTS["kfac", _task] = Default({}, "[MG15], for autoencoders, but a diagonal structure")
    DEFAULTS["hessian-free", _task] = Default(
        {"curvature_batch": 0.25}, "damping of the demonstration to [Mar10; MS12]", whole=True)
    DEFAULTS["hessian-free-batches", _task] = Default(
        {"curvature_batch": 0.25}, "damping as hessian-free; a quarter of the batch [ZXB17]")
    DEFAULTS["block-hessian-free", _task] = Default({}, "damping as hessian-free; [ZXB17]")
    DEFAULTS["sgd", _task] = Default({"length": 1e-3, "momentum": 0.9}, "ours")


def default(name, task):
    """The Default of an optimiser for a task.

    Raises
    ------
    ValueError
        For an unknown optimiser, listing the choices.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"no optimizer {name!r}; choose one of {', '.join(OPTIMIZERS)}.")
    return DEFAULTS.get((name, task), DEFAULTS[name])


def make(name, task, chosen=None, batch=None, executor=None):
    """(optimiser, batch size) for a Task: its Default, what is chosen over it, and the batch.

    Parameters
    ----------
    name : str
        Of OPTIMIZERS.
    task : Task
    chosen : dict, optional
        Field -> value.
    batch : int, optional
    executor : concurrent.futures.Executor, optional
        Where blocks are solved, for optimisers that take one.

    Raises
    ------
    ValueError, TypeError
        For an unknown name or field, or as the dataclass refuses a value.
    """
    start, chosen, maker = default(name, task.name), dict(chosen or {}), OPTIMIZERS[name]
    size: Any = batch or (task.train.N if start.whole else task.batch)
    known = [each.name for each in fields(maker) if each.compare]
    for unknown in [each for each in chosen if each not in known]:
        raise ValueError(f"{name} has no field {unknown!r}; it has {', '.join(known)}.")
    values = {**start.fields, **chosen}
    if "per_epoch" in known:
        values.setdefault("per_epoch", max(1, task.train.N // size))
    optimizer = maker(**values)
    if executor is not None and "executor" in {each.name for each in fields(maker)}:
        optimizer = replace(optimizer, executor=executor)
    return optimizer, size
