"""Faults of Fisher, Gauss-Newton and Kronecker-factored matrices."""

from dataclasses import replace

import numpy as np

from ...curvature.gauss_newton import fisher, gauss_newton
from ...curvature.kfac import kfac
from ...curvature.operator import blocks, dense
from ...derivatives.jacobian import jacobian, per_example_gradients
from . import points, structured
from .exhibit import CONVENTION, exhibit
from .planting import softmax

DAMPING = dict(arguments=lambda objective, theta: (0.1,))


@exhibit("K01", "f-dangel/curvlinops#108", "the mean of a squared error taken for one over N",
         "fisher_type2", points.regression, ("C",), CONVENTION)
def averaged_over_entries(objective, theta):
    """C times too large: 'mean' is over N C entries."""
    return objective.output_shape[-1] * dense(fisher(objective, theta))


@exhibit("K03", "f-dangel/curvlinops#107", "G scaled by the places of the layer, not of the output",
         "kfac", structured.convolutional, ("S", "T"), CONVENTION)
def scaled_by_own_places(objective, theta):
    """G of the convolution times its 7 places."""
    first, *rest = kfac(objective, theta)
    return [(7 * first.G, first.A), *((K.G, K.A) for K in rest)]


@exhibit("K05", "f-dangel/curvlinops#156", "damping added in place to cached eigenvalues",
         "kfac_inverse", points.dense, ("keeps state",), options={"rule": "exact"}, seen=True,
         stateful=True, **DAMPING)
def growing_damping():
    """Each call adds lambda once more."""
    calls = []

    def inverse(objective, theta, damping):
        calls.append(damping)
        found = []
        for K in kfac(objective, theta):
            (g, Q), (a, U) = np.linalg.eigh(K.G), np.linalg.eigh(K.A)
            V = np.kron(Q, U)
            found.append(V / (np.kron(g, a) + sum(calls)) @ V.T)
        return found
    return inverse


@exhibit("K07", "f-dangel/curvlinops#182", "A x G in place of G x A: columns stacked, not rows",
         "kfac_inverse", points.dense, ("columns",), CONVENTION, **DAMPING)
def columns_stacked(objective, theta, damping):
    """numpy.kron with the factors exchanged."""
    inverses = [K.inv(damping) for K in kfac(objective, theta)]
    return [np.kron(K.A, K.G) for K in inverses]


@exhibit("K09", "wiseodd/natural-gradients#1", "labels of the data where the model's are asked for",
         "fisher_type2", points.dense, ("Fisher, empirical",))
def labels_of_the_data(objective, theta):
    """The second moment of the gradients."""
    g = per_example_gradients(objective, theta)
    return g.T @ g / len(g)


@exhibit("K09-G", "yaroslavvb/kfac_pytorch#1", "the same in the output factor of K-FAC",
         "kfac", points.deep, ("kfac: empirical",))
def factors_of_the_data(objective, theta):
    """G = mean of g g^T with the labels of the data."""
    net = objective.net
    xs = net.forward(theta, objective.x)
    z = softmax(xs[-1]) - np.eye(xs[-1].shape[-1])[objective.y]
    pairs = [use.pairs()[0] for use in net.backward(theta, xs, z)[0]]
    return [(np.einsum("nti,ntj->ij", g, g) / len(g), np.einsum("nti,ntj->ij", p, p) / len(g))
            for p, g in pairs]


@exhibit("K09b", "GT-RIPL/Continual-Learning-Benchmark#7", "the predicted label in the Fisher",
         "fisher_type2", points.dense, ("Fisher, likeliest labels",))
def predicted_labels(objective, theta):
    """The empirical Fisher of argmax z."""
    objective = replace(objective, y=objective.outputs(theta).argmax(-1))
    g = per_example_gradients(objective, theta)
    return g.T @ g / len(g)


@exhibit("K11", "ikostrikov/pytorch-a2c-ppo-acktr-gail#54",
         "A averaged over the places of the input, G over those of the output",
         "kfac", structured.strided, ("places of the input counted",))
def input_places(objective, theta):
    """A of the convolution over 13 places, where there are 4 windows."""
    first, *rest = kfac(objective, theta)
    return [(first.G, first.A * 4 / 13), *((K.G, K.A) for K in rest)]


@exhibit("K15b", "Thrandis/EKFAC-pytorch#4", "damping of the factors without the square root",
         "kfac_inverse", points.dense, ("lam without root",), **DAMPING)
def damping_without_root(objective, theta, damping):
    """A + pi lambda I, G + lambda/pi I."""
    return [_inverse(K, damping / K.pi(), damping * K.pi()) for K in kfac(objective, theta)]


@exhibit("K15c", "Thrandis/EKFAC-pytorch#4", "pi squared where pi is meant",
         "kfac_inverse", points.dense, ("pi squared",), **DAMPING)
def squared_balance(objective, theta, damping):
    """A + pi^2 sqrt(lambda) I, G + sqrt(lambda)/pi^2 I."""
    root = damping ** 0.5
    return [_inverse(K, root / K.pi() ** 2, root * K.pi() ** 2) for K in kfac(objective, theta)]


def _inverse(K, s, t):
    return np.kron(np.linalg.inv(K.G + s * np.eye(len(K.G))),
                   np.linalg.inv(K.A + t * np.eye(len(K.A))))


@exhibit("K17", "aleximmer/Laplace#270", "samples times the scale, not its transpose",
         "kfac_inverse", points.dense, ("Cholesky factors the wrong way round",), **DAMPING)
def transposed_scale(objective, theta, damping):
    """The covariance L^T L of samples, for L L^T."""
    roots = [np.linalg.cholesky(K.inv(damping).dense()) for K in kfac(objective, theta)]
    return [L.T @ L for L in roots]


@exhibit("K19", "kuc2477/pytorch-ewc#2", "mean of the squares over parameters, too",
         "fisher_diagonal", points.dense, ("one number",),
         options={"kind": "empirical"})
def mean_over_everything(objective, theta):
    """One number for all entries."""
    squares = np.square(per_example_gradients(objective, theta))
    return np.full(theta.size, squares.mean())


@exhibit("K21", "dmlc/xgboost#638", "2 p (1 - p) as the Hessian of the softmax, a bound",
         "gauss_newton", points.dense, ("majorised softmax",), CONVENTION)
def bounded_softmax(objective, theta):
    """J^T diag(2 p (1 - p)) J."""
    J, p = jacobian(objective, theta), softmax(objective.outputs(theta))
    return np.einsum("ncp,nc,ncq->pq", J, 2 * p * (1 - p), J) / len(J)


@exhibit("K25", "cornellius-gp/gpytorch#427", "three Kronecker factors in the opposite order",
         "gauss_newton_blocks", structured.kernels, ("keras",), CONVENTION)
def factors_reversed(objective, theta):
    """The block of W (O, C, k) with its entries in the order k, C, O."""
    order = np.arange(theta.size).reshape(7, 2, 3).transpose(2, 1, 0).reshape(-1)
    return dense(gauss_newton(objective, theta))[np.ix_(order, order)]


@exhibit("K27", "jeffminlin/vmcnet#115", "pi of a factor that is 0: 0/0",
         "kfac_inverse", points.dead, ("not finite",), **DAMPING)
def balance_of_nothing(objective, theta, damping):
    """No guard where tr G = 0."""
    root = damping ** 0.5
    with np.errstate(all="ignore"):
        pis = [np.sqrt(np.trace(K.A) / len(K.A) * len(K.G) / np.trace(K.G))
               for K in kfac(objective, theta)]
        return [np.kron(1 / (K.G + np.eye(len(K.G)) * root / pi), K.A * 0 + root * pi)
                for K, pi in zip(kfac(objective, theta), pis)]


@exhibit("K37", "JiangWenPL/FisherRF#5", "the sum of the gradients for that of their squares",
         "fisher_diagonal", points.dense, ("gradient for squares",), options={"kind": "empirical"})
def sum_of_gradients(objective, theta):
    """Can be negative."""
    return per_example_gradients(objective, theta).sum(0)


@exhibit("K39", "f-dangel/backpack#49", "gradients of single examples carry the 1/N of the mean",
         "per_example_gradients", points.dense, ("1/N",), CONVENTION)
def scaled_examples(objective, theta):
    """grad_n/N."""
    return per_example_gradients(objective, theta) / objective.N


@exhibit("K39b", "alexrame/fishr#2", "and so their second moments carry 1/N^2",
         "fisher_empirical", points.dense, ("1/N^2", "1/N"), CONVENTION)
def scaled_moments(objective, theta):
    """sum of (grad_n/N)(grad_n/N)^T: 1/N of ours."""
    g = per_example_gradients(objective, theta) / objective.N
    return g.T @ g


@exhibit("K47", "zgbkdlm/tme#8", "A S A^T with the root of S on the wrong side",
         "gauss_newton", points.dense, ("transposed root",))
def turned_root(objective, theta):
    """J^T B^T B J for S = B B^T, B = diag(sqrt p) - p sqrt(p)^T."""
    J, p = jacobian(objective, theta), softmax(objective.outputs(theta))
    B = np.sqrt(p)[:, :, None] * np.eye(p.shape[-1]) - p[:, :, None] * np.sqrt(p)[:, None]
    rows = np.einsum("nij,njp->nip", B, J)
    return np.einsum("nip,niq->pq", rows, rows) / len(J)


@exhibit("K51", "google-deepmind/kfac-jax#114", "weights (in, out): A and G exchanged",
         "kfac", points.dense, ("A before G",), CONVENTION)
def exchanged(objective, theta):
    """A first."""
    return [(K.A, K.G) for K in kfac(objective, theta)]


@exhibit("K51b", "google-deepmind/kfac-jax#114", "blocks of the transposed weight matrix",
         "gauss_newton_blocks", points.dense, ("columns",), CONVENTION)
def transposed_weights(objective, theta):
    """Entries in the order of W^T."""
    net, found = objective.net, []
    for block, (O, I) in zip(blocks(gauss_newton(objective, theta), net.layout),
                             net.layout.shapes):
        found.append(block.reshape(O, I, O, I).transpose(1, 0, 3, 2).reshape(O * I, O * I))
    return found
