"""K-FAC of recurrent layers and tied matrices: which patches meet which gradients."""

import numpy as np
import pytest

import reference as ref
from tests.curvature.test_kfac_places import (STEP, TOLERANCE, by_loops, far, ones, settings,
                                              softmax_covariance)
from tests.derivatives.cases import distance

N, T, I, H = 5, 7, 11, 3                                          # I counting the bias


def sigma(x):
    return 1 / (1 + np.exp(-x))


def elman(Ws, x, push, nudge):
    """h (N, T, H), and the patches of both matrices; push and nudge (T, .) are added."""
    h, ps, qs, hs = np.zeros((len(x), H)), [], [], []
    for t in range(x.shape[1]):
        ps.append(ones(x[:, t]))
        qs.append(ones(h))
        h = np.tanh(ps[-1] @ Ws[0].T + push[t] + qs[-1] @ Ws[1].T + nudge[t])
        hs.append(h)
    return np.stack(hs, 1), [np.stack(ps, 1), np.stack(qs, 1)]


def gated(before):
    """The GRU with its reset after or before W_hn, which then is a third matrix."""
    def run(Ws, x, push, nudge, last=np.zeros((99, 1))):
        h, ps, qs, rs, hs = np.zeros((len(x), H)), [], [], [], []
        for t in range(x.shape[1]):
            ps.append(ones(x[:, t]))
            qs.append(ones(h))
            s, a = ps[-1] @ Ws[0].T + push[t], qs[-1] @ Ws[1].T + nudge[t]
            r, z = sigma(s[:, :H] + a[:, :H]), sigma(s[:, H:2 * H] + a[:, H:2 * H])
            rs.append(ones(r * h))
            a = rs[-1] @ Ws[2].T + last[t] if before else r * a[:, 2 * H:]
            n = np.tanh(s[:, 2 * H:] + a)
            h = (1 - z) * n + z * h
            hs.append(h)
        return np.stack(hs, 1), [np.stack(a, 1) for a in (ps, qs, rs)[:2 + before]]
    return run


CELLS = {"RNN": (ref.RNN(I - 1, H), elman), "GRU": (ref.GRU(I - 1, H), gated(False)),
         "GRU, reset before": (ref.GRU(I - 1, H, reset="before"), gated(True))}


def problem(layer, **options):
    rng = np.random.default_rng(2)
    net = ref.Sequential(layer, ref.Dense(H, 2))
    x, y = rng.standard_normal((N, T, I - 1)), rng.integers(0, 2, (N, T))
    objective = ref.Objective(net, ref.CrossEntropy(), x, y, rng.random(N) + 0.5, **options)
    return objective, 0.7 * rng.standard_normal(net.layout.size)


def gradients(run, Ws, V, x, m):
    """dz/ds_m (N, T, O, labels, 2) by complex steps of the cell written out."""
    O, columns = len(Ws[m]), []
    for t, o in np.ndindex(T, O):
        pushes = [np.zeros((T, len(W)), complex) for W in Ws]
        pushes[m][t, o] = STEP * 1j
        columns.append((ones(run(Ws, x, *pushes)[0]) @ V.T).imag / STEP)
    return np.stack(columns, 1).reshape(N, T, O, T, 2)


@settings
@pytest.mark.parametrize("cell", CELLS)
def test_factors_of_recurrent_matrices_are_loops_over_steps(cell, setting):
    layer, run = CELLS[cell]
    objective, theta = problem(layer)
    *Ws, V = objective.net.matrices(theta)
    hs, patches = run(Ws, objective.x, *(np.zeros((T, len(W))) for W in Ws))
    S = softmax_covariance(ones(hs) @ V.T)
    for m, (p, K) in enumerate(zip(patches, ref.kfac(objective, theta, setting=setting))):
        J = gradients(run, Ws, V, objective.x, m)
        assert far(K, *by_loops(p, J, S, objective.weights, N, setting)) <= TOLERANCE


# ---- special recurrences ----

def still(last):
    """An RNN whose state does not see the one before: W_hh = 0."""
    objective, theta = problem(ref.RNN(I - 1, H))
    rows = objective.net.matrices(theta)
    net = ref.Sequential(ref.RNN(I - 1, H, last=last), ref.Dense(H, 2))
    rows[1] = 0 * rows[1]
    y = objective.y[:, -1] if last else objective.y
    return ref.Objective(net, objective.loss, objective.x, y), net.layout.pack(rows), rows


@settings
def test_without_recurrence_the_inputs_matrix_is_a_dense_layers_at_places(setting):
    objective, theta, (W, _, V) = still(last=False)
    net = ref.Sequential(ref.Dense(I - 1, H), ref.Tanh(), ref.Dense(H, 2))
    plain = ref.Objective(net, objective.loss, objective.x, objective.y)
    K, _, L = ref.kfac(objective, theta, setting=setting)
    for one, other in zip((K, L), ref.kfac(plain, net.layout.pack([W, V]), setting=setting)):
        assert far(one, other.G, other.A) <= TOLERANCE
    moving = ref.kfac(*problem(ref.RNN(I - 1, H)), setting=setting)[0]
    assert far(moving, K.G, K.A) > 0.01


@settings
def test_of_the_last_state_alone_only_the_last_step_has_gradients_but_all_have_patches(setting):
    """G is a dense layer's at the last step; A is of all steps, so the block is not exact."""
    objective, theta, (W, _, V) = still(last=True)
    net = ref.Sequential(ref.Dense(I - 1, H), ref.Tanh(), ref.Dense(H, 2))
    one = ref.Objective(net, objective.loss, objective.x[:, -1], objective.y)
    K, truth = (ref.kfac(*where, setting=setting)[0] for where in
                ((objective, theta), (one, net.layout.pack([W, V]))))
    assert distance(K.G, truth.G) <= TOLERANCE
    assert distance(K.A, truth.A) > 0.1
    p = ones(objective.x)
    p = p.mean(1, keepdims=True) if setting == "reduce" else p
    assert distance(K.A, np.einsum("nti,ntj->ij", p, p) / p[..., 0].size) <= TOLERANCE


def test_the_last_states_block_is_reduces_if_nothing_changes_between_steps():
    """One example, W_hh = 0 and equal inputs: the block is G (x) A; with steps that differ, not."""
    objective, theta, _ = still(last=True)
    for steps, exact in ([-1] * T, True), (range(T), False):
        one = ref.Objective(objective.net, objective.loss, objective.x[:1, steps], objective.y[:1])
        block = ref.blocks(ref.fisher(one, theta), objective.net.layout)[0]
        K = ref.kfac(one, theta, setting="reduce")[0]
        assert (distance(K.dense(), block) <= TOLERANCE) == exact


def test_skipped_steps_weigh_in_A_unless_their_labels_are_ignored():
    """What stands in padding is arbitrary: labels ignored there keep it out, as weights of A."""
    mask = np.arange(T) < np.array([4, 2, 3, 1, 4])[:, None]
    ignoring = ref.CrossEntropy(ignore=-1)
    for loss, blind in (ignoring, True), (ref.CrossEntropy(), False):
        objective, theta = problem(ref.RNN(I - 1, H, mask=mask))
        y = np.where(mask, objective.y, -1 if blind else objective.y)
        xs = [np.where(mask[..., None], objective.x, fill) for fill in (0.0, 7.0)]
        padded = [ref.Objective(objective.net, loss, x, y) for x in xs]
        K, L = (ref.kfac(one, theta)[0] for one in padded)
        assert distance(K.G, L.G) <= TOLERANCE
        assert (distance(K.A, L.A) <= TOLERANCE) == blind


# ---- tied matrices ----

def tied(names):
    """Two uses of a matrix of 3 rows: at 4 places, and at 2 means of their tanh."""
    first, second = (ref.Tied(name, ref.Conv1d(3, 3, 1)) for name in names)
    layers = (first, ref.Tanh(), ref.AvgPool1d(2), second, ref.Tanh(), ref.Flatten(-2),
              ref.Dense(6, 5))
    rng, net = np.random.default_rng(3), ref.Sequential(*layers)
    x, y = rng.standard_normal((7, 3, 4)), rng.integers(0, 5, 7)
    objective = ref.Objective(net, ref.CrossEntropy(), x, y, rng.random(7) + 0.5)
    W, V = 0.6 * rng.standard_normal((3, 4)), 0.6 * rng.standard_normal((5, 7))
    return objective, net.layout.pack([W, V] if len(set(names)) == 1 else [W, W, V])


def test_tied_factors_expanded_gather_the_places_of_both_uses():
    """G is the sum, A the mean over 4 + 2 places; the last layer's are the same."""
    K, last = ref.kfac(*tied("aa"))
    first, second, alone = ref.kfac(*tied("ab"))
    assert far(K, first.G + second.G, (4 * first.A + 2 * second.A) / 6) <= TOLERANCE
    assert far(last, alone.G, alone.A) <= TOLERANCE
    assert distance((first.A + second.A) / 2, K.A) > 0.01         # not the mean of two means


def test_tied_factors_reduced_sum_the_gradients_of_all_places_before_the_outer_product():
    """Which has terms between the two uses: taken from the untied net's own p and g."""
    (K, _), (objective, theta) = ref.kfac(*tied("aa"), setting="reduce"), tied("ab")
    rows, columns = [], []
    net = objective.net
    xs = net.forward(theta, objective.x)
    for i, T in (0, 4), (3, 2):
        p = ones(np.swapaxes(xs[i], 1, 2))
        rows.append(p)
        own = ref.jacobian(objective, theta)[..., net.layout.slices[i // 3]]
        columns.append(own.reshape(7, 5, 3, 4)[..., -1])              # of the bias: sum_t g
    pbar, g = np.concatenate(rows, 1).mean(1), columns[0] + columns[1]
    S, w = softmax_covariance(xs[-1])[:, 0], objective.weights
    assert distance(K.A, np.einsum("n,ni,nj->ij", w, pbar, pbar) / w.sum()) <= TOLERANCE
    assert distance(K.G, np.einsum("n,nco,ncd,ndp->op", w / 7, g, S, g)) <= TOLERANCE
    first, second, _ = ref.kfac(objective, theta, setting="reduce")
    assert distance(first.G + second.G, K.G) > 0.1
