"""check: what agrees is told to agree, what differs is told to differ, and why."""

import re

import numpy as np
import pytest

import reference as ref
from reference.oracle.judge.subjects import SUBJECTS
from tests.curvature.brute import NETS


def arguments_of(subject, objective, theta):
    rng = np.random.default_rng(0)
    known = {"v": rng.standard_normal(theta.size), "seed": 3, "damping": 0.1,
             "u": rng.standard_normal(objective.output_shape),
             "theta_plus": theta + 0.1 * rng.standard_normal(theta.size)}
    return [known[name] for name in subject.arguments]


def ours(subject, objective, theta, *arguments):
    return [piece.array for piece in subject.pieces(objective, theta, *arguments)]


@pytest.fixture
def dense():
    return NETS["dense"]()


CHAINS = "dense", "deep", "words"      # of Dense and elementwise layers, for KFRA


@pytest.mark.parametrize("net, name", [
    pytest.param(net, name, marks=[] if net in ("dense", "recurrent") else pytest.mark.slow)
    for name, subject in SUBJECTS.items() for net in NETS
    if not subject.required and (name != "kfra" or net in CHAINS)])
def test_our_own_answers_agree_and_spoiled_ones_do_not(net, name):
    (objective, theta), subject = NETS[net](), SUBJECTS[name]
    given = arguments_of(subject, objective, theta)
    right = ours(subject, objective, theta, *given)
    assert ref.check(right, name, objective, theta, *given).verdict == "agrees"
    wrong = [a.copy() for a in right]
    place = np.unravel_index(np.argmax(np.abs(wrong[0])), wrong[0].shape)
    wrong[0][place] *= 1.01
    report = ref.check(wrong, name, objective, theta, *given)
    assert report.verdict == "differs" and report.worst.ours == right[0][place]


@pytest.mark.parametrize("factor, kind, text", [
    (1 / 11, "convention", "ours x 1/N"), (7, "convention", "ours x C"),
    (0.5, "error", "ours x 1/2"), (7 / 121, "convention", "ours x C/N^2"),
    (-1, "error", "ours x -1"), (1.01, "error", "ours x 1.01 (no known constant)")])
def test_factors_have_names(dense, factor, kind, text):
    objective, theta = dense
    found = ref.check(factor * objective.grad(theta), ref.gradient, objective, theta).explanation
    assert (found.kind, found.text) == (kind, text)


def test_each_factor_of_a_kronecker_product_has_its_own(dense):
    objective, theta = dense
    theirs = [(K.G / objective.N, K.A * objective.N) for K in ref.kfac(objective, theta)]
    found = ref.check(theirs, ref.kfac, objective, theta).explanation
    assert {key: f.text for key, f in found.factors.items()} == {"G": "1/N", "A": "N"}


def test_named_arrays_and_lists_in_their_order_stand_for_theta(dense):
    objective, theta = dense
    named = dict(objective.net.named(objective.grad(theta)))
    for theirs in (named, list(named.values()), dict(reversed(named.items()))):
        assert ref.check(theirs, ref.gradient, objective, theta).passed


def test_the_first_wrong_matrix_is_the_last_of_the_network(dense):
    objective, theta = dense
    g = objective.grad(theta)
    g[0] += 1
    assert ref.check(g, "gradient", objective, theta).first_wrong == "0.bias and 0.weight"
    g[-1] += 1
    report = ref.check(g, "gradient", objective, theta)
    assert report.first_wrong == "2.bias and 2.weight"
    assert report.worst.name in ("0.weight[0, 0]", "2.bias[6]")


def test_single_precision_is_judged_as_single(dense):
    objective, theta = dense
    single = objective.grad(theta).astype("float32")
    assert ref.check(single, "gradient", objective, theta).passed
    wide = single.astype(float)
    assert not ref.check(wide, "gradient", objective, theta).passed
    assert ref.check(wide, "gradient", objective, theta, dtype="float32").passed


def test_a_stated_convention_agrees(dense):
    objective, theta = dense
    theirs = objective.grad(theta) / objective.N
    assert ref.check(theirs, "gradient", objective, theta).verdict == "agrees after a convention"
    assert ref.check(theirs, "gradient", objective, theta, allow=("1/N",)).passed
    assert not ref.check(theirs, "gradient", objective, theta, allow=("1/C",)).passed


@pytest.mark.parametrize("name, told", [
    ("gradient", r"within \d\.\de-1[5-9] of the exact answer, proven by balls of 96 bits"),
    ("kfac", "proven by balls"), ("hessian", "proven by balls"),
    ("ekfac", "ours is not proven")])
def test_a_report_says_how_far_ours_is_proven(dense, name, told):
    objective, theta = dense
    right = ours(SUBJECTS[name], objective, theta)
    assert re.search(told, ref.check(right, name, objective, theta, prove=True).tolerance)
    assert "proven" not in ref.check(right, name, objective, theta).tolerance


# ---- callables that misbehave ----

def spoils(objective, theta):
    g = objective.grad(theta)
    theta += 1
    return g


def counts(calls=iter(range(9))):
    return lambda objective, theta: objective.grad(theta) * (1 + next(calls))


BUFFER = np.zeros(31)


def reuses(objective, theta):
    BUFFER[:] = objective.grad(theta)
    return BUFFER


def leaves_early(objective, theta):
    raise SystemExit(3)


@pytest.mark.parametrize("theirs, verdict, fault", [
    (spoils, "differs", "changes its inputs"),
    (counts(), "differs", "a second identical call gives another answer"),
    (reuses, "agrees", ""),
    (lambda o, t: 1 / 0, "unusable", "raises ZeroDivisionError: division by zero"),
    (leaves_early, "unusable", "raises SystemExit"),
    (lambda o, t: np.nan * t, "unusable", "31 of 31 entries of array 0 are not finite"),
    (lambda o, t: t[:-1], "differs", ""),
    (lambda o, t: "text", "unusable", "not real numbers"),
    (lambda o, t: None, "unusable", "not real numbers"),
    (lambda o, t: 1j * t, "unusable", "holds complex128"),
    (lambda o, t: [], "unusable", "no numbers"),
    (lambda o, t: o.grad(t).astype("float16"), "agrees", "")])
def test_a_callable_that_misbehaves_is_told_so(dense, theirs, verdict, fault):
    objective, theta = dense
    before = theta.copy()
    report = ref.check(theirs, ref.gradient, objective, theta)
    assert report.verdict == verdict
    assert fault in " ".join(report.faults)
    assert (theta == before).all()


def test_what_is_not_offered_is_no_pass(dense):
    def absent(objective, theta):
        raise NotImplementedError
    report = ref.check(absent, ref.gradient, *dense)
    assert report.verdict == "not offered" and not report.passed


@pytest.mark.parametrize("arguments, message", [
    (("gradients",), "nothing that can be checked"), ((print,), "print is nothing that can"),
    (("hvp",), "0 arguments follow")])
def test_what_cannot_be_asked_is_refused(dense, arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ref.check(dense[1], *arguments, *dense)


# ---- shapes of something else ----

@pytest.mark.parametrize("made, asked, told", [
    ("kfac_blocks", "kfac", "theirs is 'kfac_blocks': ask for that"),
    ("kfac", "kfac_blocks", "theirs is 'kfac'"),
    ("hessian", "gradient", "theirs is 'hessian'")])
def test_shapes_of_another_subject_are_told(dense, made, asked, told):
    theirs = ours(SUBJECTS[made], *dense)
    assert told in ref.check(theirs, asked, *dense).shapes
    other = ref.check([a + 1 for a in theirs], asked, *dense).shapes
    assert "those are the shapes of" in other and f"'{made}'" in other


def test_shapes_of_nothing_are_told_of_nothing(dense):
    assert "those are" not in ref.check(np.ones((2, 3, 5)), "kfac", *dense).shapes


def test_what_is_far_from_all_is_not_told_to_be_near(dense):
    rng = np.random.default_rng(0)
    far = ref.check(rng.standard_normal(dense[1].size), "gradient", *dense)
    assert far.diagnosis.nearest.residual > 0.1 and "nearest" not in far.diagnosis.text
    near = dense[0].grad(dense[1])
    near[3] *= 1.1
    assert "nearest" in ref.check(near, "gradient", *dense).diagnosis.text


# ---- the report ----

def test_the_report_is_text_json_markdown_and_junit(dense):
    import json
    from xml.etree import ElementTree
    objective, theta = dense
    for theirs in (objective.grad(theta), -objective.grad(theta), "x<&"):
        report = ref.check(theirs, "gradient", objective, theta)
        record = json.loads(json.dumps(report.record(), allow_nan=False))
        assert record["verdict"] == report.verdict and report.verdict in str(report)
        assert ElementTree.fromstring(report.junit()).get("name") == "gradient"
        assert report.markdown().count("|") == 5
