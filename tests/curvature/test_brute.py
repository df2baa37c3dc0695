"""Gauss-Newton and Fisher matrices against their definitions, on nets whose sizes are coprime."""

from itertools import combinations
from math import gcd

import pytest

import reference as ref
from tests.curvature import brute

DIGITS = 1e-14                        # of sums of up to 13 x 7 x 11 terms in float64

each_net = pytest.mark.parametrize("net", brute.NETS)


@each_net
def test_the_sizes_are_pairwise_coprime(net):
    objective, theta = brute.NETS[net]()
    sizes = {objective.N, *(size for shape in objective.net.layout.shapes for size in shape)}
    if objective.x.ndim == 3:
        sizes.add(7)
    assert all(gcd(a, b) == 1 for a, b in combinations(sizes, 2)), sizes


@each_net
def test_gauss_newton_and_the_type_2_fisher_matrix_are_sums_over_all_labels(net):
    objective, theta = brute.NETS[net]()
    truth = brute.fisher(objective, theta)
    for B in ref.gauss_newton(objective, theta), ref.fisher(objective, theta):
        assert brute.distance(ref.dense(B), truth) <= DIGITS
        assert brute.distance(ref.columns(B), truth) <= DIGITS


@each_net
def test_the_empirical_fisher_matrix_takes_the_labels_of_the_data(net):
    objective, theta = brute.NETS[net]()
    F = ref.dense(ref.fisher(objective, theta, "empirical"))
    assert brute.distance(F, brute.fisher(objective, theta, "empirical")) <= DIGITS
    assert brute.distance(F, brute.fisher(objective, theta)) > 0.1
