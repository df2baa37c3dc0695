"""The oracle takes what lies on a device, and says what it says of the same numbers on the host."""

import numpy as np
import pytest

import reference as ref
from reference.arrays.transfer import move
from tests.device import both, problems


@pytest.fixture(autouse=True)
def stand_in():
    with both.place("stand-in"):
        yield


@pytest.fixture
def case():
    """objective, theta, v on the host, and the same there."""
    objective, theta = problems.layer("Dense")
    v = problems.direction(theta)
    return (objective, theta, v), (objective.to("cupy"), move(theta, "cupy"), move(v, "cupy"))


@pytest.mark.parametrize("mine, theirs", [(0, 1), (1, 0), (1, 1)])
def test_check_judges_device_arrays(case, mine, theirs):
    objective, theta, v = case[mine]
    right = ref.hvp(*case[theirs])
    assert ref.check(right, ref.hvp, objective, theta, v).verdict == "agrees"
    assert ref.check(2 * right, ref.hvp, objective, theta, v).verdict != "agrees"


def test_identify_names_a_matrix_that_lies_on_a_device(case):
    objective, theta, _ = case[1]
    told = [str(ref.identify(ref.dense(matrix(objective, theta)), objective, theta))
            for matrix in (ref.hessian, ref.gauss_newton)]
    assert "it is the Hessian H" in told[0] and "it is the Hessian H" not in told[1]


def test_relate_is_of_names_and_the_same_there(case):
    here, there = (ref.relate("kfac", "gauss-newton", *each[:2]) for each in case)
    assert str(here) == str(there)


def test_certify_proves_numbers_of_a_device(case):
    certificate = ref.certify(ref.gradient, *case[1][:2])
    assert both.differences(certificate.value, ref.gradient(*case[0][:2]), tolerance=1e-14) == []


def test_taylor_is_made_on_the_host(case):
    here, there = (ref.taylor(*each, 3) for each in case)
    assert both.differences(there.coefficients, here.coefficients) == []


def test_mixed_places_and_wide_floats_are_refused_saying_what_to_do(case):
    (objective, theta, _), (_, far, _) = case
    with pytest.raises(TypeError, match=r"pass objective.to\('cupy'\), or to_host\(theta\)"):
        ref.gradient(objective, far)
    with pytest.raises(TypeError, match="a device has no float128"):
        move(theta.astype(np.longdouble), "cupy")
    with pytest.raises(TypeError, match="a device has no float128"):
        objective.to("longdouble").to("cupy")
