"""Other Kronecker factors: of other labels, places, means, columns; each once, for all views.

Ours are A = mean_nt p p^T and G = sum_nt E[g g^T]/R, so that G (x) A is on the scale of the block.
"""

from dataclasses import replace

import numpy as np

from ....curvature.averaged import is_chain, kfra
from ....curvature.kfac import kflr, of_setting, output_factor, second_moment
from ....curvature.kron import Kron
from ..hypotheses import CONVENTION, ERROR, content
from ..kronecker import (NAMES, VIEWS, factor_pieces, mapped, options_of, ours, rebuilt, seen,
                        statistics, unlike)

FACTORS = tuple(VIEWS)


def of(name, kind, says, advice="", cost=1.0, subjects=FACTORS, exact=False):
    """Registers a function of a Case that returns [Kron, ...] or None."""
    def register(function):
        def arrays(case):
            krons = function(case)
            return None if krons is None else seen(case, krons)
        content(name, kind, says, advice, subjects, cost, exact)(arrays)
        return function
    return register


# ---- labels and places ----

def _other_option(name, value, kind, says, advice):
    def arrays(case):
        if case.options.get(name) == value or (case.subject.name in ("kfra", "kflr")
                                               and name != "setting"):
            return None
        damping = tuple(case.arguments.values())
        try:
            pieces = case.subject.pieces(case.objective, case.theta, *damping,
                                         **{**case.options, name: value})
        except (ValueError, TypeError):
            return None                            # the loss or the subject has no such thing
        return unlike(case, [piece.array for piece in pieces])
    label = f"kfac: {value}"
    content(label, kind, says, advice, NAMES)(arrays)


_other_option("kind", "empirical", ERROR, "G is of the labels of the data, the empirical Fisher",
              "Draw labels from the model, or take their exact mean; or ask for "
              "kind='empirical'.")
_other_option("kind", "type-2", ERROR, "G is the exact mean over the model's labels",
              "Take the labels that were asked for, or ask for kind='type-2'.")
_other_option("kind", "ggn", CONVENTION, "G is by the loss Hessian, as of the Gauss-Newton matrix",
              "Ask for kind='ggn'.")
_other_option("setting", "reduce", CONVENTION, "places are reduced: p averaged, g summed first",
              "Ask for setting='reduce'.")
_other_option("setting", "expand", CONVENTION, "places count as examples: expand",
              "Ask for setting='expand'.")


@of("kfac: predicted labels", ERROR, "G is of the labels that the model predicts, by argmax",
    "Draw labels from the model's distribution: its mode is another matrix.")
def _predicted(case):
    objective = case.objective
    if objective.loss.name != "CrossEntropy" or case.subject.name == "kfra":
        return None
    labels = objective.outputs(case.theta).argmax(-1).astype(objective.y.dtype)
    if labels.shape != objective.y.shape:
        return None
    options = {**options_of(case), "kind": "empirical"}
    return statistics(replace(objective, y=labels), case.theta, **options)


@of("factors of KFRA", CONVENTION, "G comes of the averaged recursion of KFRA",
    "Compare with 'kfra'.", subjects=[name for name in FACTORS if name != "kfra"])
def _kfra(case):
    return kfra(case.objective, case.theta) if is_chain(case.objective.net) else None


@of("factors of KFLR", CONVENTION, "theirs is KFLR, no averaged recursion",
    "Compare with 'kflr'.", subjects=["kfra"])
def _kflr(case):
    return kflr(case.objective, case.theta)


# ---- which products, and which mean ----

@of("kfac: sums over places, A expanded", CONVENTION,
    "G is of g summed over places, A of all places (BackPACK's convolutions)",
    "Its own matrix: neither expand nor reduce.")
def _summed(case):
    return _crossed(case, "reduce", "expand")


@of("kfac: A reduced, G expanded", ERROR, "A is of p averaged over places, G of all places",
    "Take both from one setting.")
def _averaged(case):
    return _crossed(case, "expand", "reduce")


def _crossed(case, of_G, of_A):
    if case.subject.name == "kfra":
        return None
    options = options_of(case)
    G, A = (statistics(case.objective, case.theta, **{**options, "setting": setting})
            for setting in (of_G, of_A)) if case.subject.name != "kflr" else (
        kflr(case.objective, case.theta, setting) for setting in (of_G, of_A))
    As = iter([a.array for a in factor_pieces(None, None, A, "A")])
    return mapped(G, lambda K, l: Kron(K.G, next(As)))


def _remade(case, make):
    """make(p, w, g, middle) -> Kron, in the setting of the case."""
    setting = options_of(case).get("setting", "expand")
    if case.subject.name == "kfra":
        return None
    options = {"kind": "ggn"} if case.subject.name == "kflr" else {}
    return rebuilt(case, lambda p, g, middle, l: make(
        *of_setting(case.objective, p, g, setting), middle), **options)


def _rows(a):
    return a.reshape(-1, a.shape[-1])


@of("kfac: A centred", ERROR, "A is the covariance of p: its mean was subtracted",
    "Take the second moment, mean(p p^T), not np.cov.", cost=1.5)
def _centred(case):
    return _remade(case, lambda p, w, g, middle: Kron(
        output_factor(g, middle), second_moment(p - _rows(p).mean(0), w)))


@of("kfac: A of the mean p", ERROR, "A is of p averaged over the batch: mean(p) mean(p)^T",
    "Take the mean of the products, not the product of the means.")
def _mean_p(case):
    return _remade(case, lambda p, w, g, middle: Kron(
        output_factor(g, middle), np.outer(_rows(p).mean(0), _rows(p).mean(0))))


@of("kfac: G of the summed g", ERROR, "G is of g summed over the batch: (sum g)(sum g)^T",
    "Take outer products per example, before the sum over the batch.")
def _summed_g(case):
    if options_of(case).get("kind", "type-2") != "empirical":
        return None
    return _remade(case, lambda p, w, g, middle: Kron(
        np.outer(_rows(g).sum(0), _rows(g).sum(0)), second_moment(p, w)))


@of("kfac: G of the gradient of the batch", ERROR,
    "G is of the batch's own gradient: (sum_n g_n)(sum_n g_n)^T of the labels of the data",
    "Take outer products per example, before the sum over the batch.")
def _of_batch(case):
    if case.subject.name in ("kfra", "kflr"):
        return None
    setting = options_of(case).get("setting", "expand")
    sums = [_rows(of_setting(case.objective, *pair, setting)[2]).sum(0)
            for use in case.uses for pair in use]
    gs = iter(sums)
    return mapped(ours(case), lambda K, l: Kron((lambda g: np.outer(g, g))(next(gs)), K.A))
