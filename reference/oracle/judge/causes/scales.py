"""Scales of Kronecker factors in papers and public code, as powers of S, N, ... on A and on G.

Ours are A = (1/NS) sum p p^T and G = (1/N) sum E[g g^T], S places of the matrix: of Omega = S A and
Gamma = G/S, in the words of [GM16], the products are equal.  RECORDS says how each program's
factors follow from ours, matrix by matrix, since S is not the same for all.
"""

from dataclasses import dataclass, field
from math import prod

from ....curvature.kron import Kron
from ....network.compose import leaves
from ....network.convolution import Conv1d, Conv2d
from .kronecker import of
from ..hypotheses import CONVENTION, ERROR, content
from ..kronecker import INVERSES, groups, mapped, options_of, ours, seen, statistics


@dataclass(frozen=True)
class Record:
    """Powers of the constants, on G and on A; those of matrices that are no convolution's."""

    G: dict = field(default_factory=dict)
    A: dict = field(default_factory=dict)
    elsewhere: tuple = None
    of_G: str = "expand"


RECORDS = {
    "KFC [GM16]": Record({"S": -1}, {"S": 1}),
    "curvlinops, expand": Record(),
    "ASDL": Record(),
    "kfac-jax": Record({"S": -1}),
    "nngeometry": Record({"S": -1}, {"S": 1}, elsewhere=({}, {"S": 1})),
    "BackPACK": Record(A={"S": 1}, of_G="reduce"),
    "kfac-pytorch": Record({"N": -2, "S": -3}, {"S": -2}),
}
SINGLES = {            # scales that matter once damping is added
    "G of gradients of the mean loss": ({"N": -2}, {}), "G without 1/N": ({"N": 1}, {}),
    "G over N once more": ({"N": -1}, {}), "A without 1/N": ({}, {"N": 1}),
    "A over N once more": ({}, {"N": -1}), "G twice ours": ({"2": 1}, {}),
    "G half of ours": ({"2": -1}, {}), "A summed over places": ({}, {"S": 1}),
    "G averaged over places": ({"S": -1}, {}), "A over places once more": ({}, {"S": -1}),
    "G times the places": ({"S": 1}, {}),
}


def places(case):
    """[{"N", "S", "2", "stride", "S_in", "convolution"}, ...] per weight matrix."""
    objective, net, found = case.objective, case.objective.net, []
    owned = [layer for layer in leaves(net) for _ in layer.shapes]
    inputs = _inputs(net, objective.x)
    for l, use in enumerate(case.uses):
        S = use[0][0].shape[-2]
        layer = owned[l] if len(owned) == len(case.uses) else None
        convolution = isinstance(layer, (Conv1d, Conv2d))
        found.append({"N": objective.N, "2": 2, "S": S, "convolution": convolution,
                      "S_in": inputs.get(id(layer), S) if convolution else S})
    return found


def _inputs(net, x):
    """{id of a convolution at the top: its input positions}."""
    shape, found = x.shape[1:], {}
    for layer in net.layers:
        found[id(layer)] = prod(shape[1:])
        shape = layer.output_shape(shape)
    return found


def power(powers, constants):
    """The product of constants to their powers."""
    return prod(float(constants[symbol]) ** p for symbol, p in powers.items())


def rescaled(krons, constants, powers):
    """Factors times their powers: powers(constants of matrix l) -> (of G, of A)."""
    def one(K, l):
        of_G, of_A = powers(constants[l])
        return Kron(K.G * power(of_G, constants[l]), K.A * power(of_A, constants[l]))
    return mapped(krons, one)


def recorded(case, record):
    """[Kron, ...] as a program of this record has them; None where it says nothing of the net."""
    constants = places(case)
    if all(each["S"] == 1 for each in constants):
        return None
    krons = ours(case)
    if record.of_G == "reduce":
        if case.subject.name in ("kfra", "kflr"):
            return None
        reduced = statistics(case.objective, case.theta,
                             **{**options_of(case), "setting": "reduce"})
        Gs = iter([K.G for of_matrix in reduced for K in groups(of_matrix)])
        krons = mapped(krons, lambda K, l: Kron(next(Gs), K.A))
    return rescaled(krons, constants, lambda c: (
        (record.G, record.A) if c["convolution"] or record.elsewhere is None
        else record.elsewhere))


for _name, _record in RECORDS.items():
    _says = ", ".join(f"{slot} x {' '.join(f'{s}^{p}' for s, p in powers.items())}"
                      for slot, powers in (("G", _record.G), ("A", _record.A)) if powers)
    if _says:
        of(f"scales of {_name}", CONVENTION, f"factors are on the scale of {_name}: {_says}",
           "Convert by these powers, matrix by matrix; damping must be converted, too.",
           exact=True)(
            lambda case, record=_record: recorded(case, record))


@of("gradients of the mean loss", CONVENTION,
    "G is of gradients that carry the 1/N of the batch mean: ours x 1/N^2 as a mean, 1/N as a sum",
    "Multiply the gradients by N before taking their second moment.", cost=0.9, exact=True,
    subjects=("kfac", "kfac_G", "kfac_blocks", "kflr"))
def _mean_loss(case):
    constants = [{"N": case.objective.N}] * len(case.objective.net.layout.shapes)
    return rescaled(ours(case), constants, lambda c: ({"N": -2}, {}))


@of("places of the input counted", ERROR,
    "A is divided by the positions of the input, G by those of the output",
    "Divide by the positions of the output, at which the kernel is applied.", exact=True)
def _input_places(case):
    return rescaled(ours(case), places(case), lambda c: ({}, {"S": 1, "S_in": -1}))


@of("Bessel's correction", ERROR, "factors are divided by N - 1", "Divide by N.", cost=1.5,
    exact=True)
def _bessel(case):
    n = case.objective.N
    if n == 1:
        return None
    return mapped(ours(case), lambda K, l: Kron(K.G * n / (n - 1), K.A * n / (n - 1)))


def _before_damping(powers):
    def arrays(case):
        of_G, of_A = powers
        constants = places(case)
        return seen(case, rescaled(ours(case), constants, lambda c: (of_G, of_A)))
    return arrays


for _name, _powers in SINGLES.items():
    content(f"{_name}, then damped", CONVENTION, f"damping was added to {_name}",
            "Damping means another matrix on another scale: rescale both.", INVERSES, 1.5, True)(
        _before_damping(_powers))

