"""A kernel at all places, a cell at all steps: the exact block, and two Kronecker products for it.

    python examples/05_places_and_steps.py              how far K-FAC is from each block
    python examples/05_places_and_steps.py places.png   and two of the blocks as a picture

A matrix that an example uses at T places has the gradient sum_t g_t p_t^T, and its block of the
Gauss-Newton matrix is a sum over pairs of places (t, u).  Expand keeps the pairs t = u, reduce
takes all places for one: the mean of p, and the sum of g.
"""

import sys

import numpy as np

import reference as ref

rng = np.random.default_rng(0)
pixels, labels = ref.problems.digits(200)
images, rows = pixels.reshape(200, 1, 8, 8), pixels.reshape(200, 8, 8)   # (N, C, H, V), (N, T, D)

convolved = ref.Sequential(ref.Conv2d(1, 2, 3), ref.Tanh(), ref.AvgPool2d(3), ref.Flatten(),
                           ref.Dense(8, 10))
read = ref.Sequential(ref.LSTM(8, 2, last=True), ref.Dense(2, 10))
means = ref.Sequential(ref.Conv2d(1, 2, 3), ref.AdaptiveAvgPool2d(1), ref.Flatten())
next_row = ref.Sequential(ref.LSTM(8, 2), ref.Dense(2, 8))


def compared(name, net, loss, x, y, number):
    """Three matrices (exact, expand, reduce) for matrix `number`, and their errors, printed."""
    objective, theta = ref.Objective(net, loss, x, y), 0.6 * rng.standard_normal(net.layout.size)
    B = ref.blocks(ref.gauss_newton(objective, theta), net.layout)[number]
    three = {"exact": B} | {setting: ref.kfac(objective, theta, setting=setting)[number].dense()
                            for setting in ("expand", "reduce")}
    errors = {how: np.sqrt(((M - B) ** 2).sum() / (B * B).sum()) for how, M in three.items()}
    biases = np.arange(len(B)).reshape(net.layout.shapes[number])[:, -1]
    corner, own = (three[how][np.ix_(biases, biases)] for how in ("reduce", "exact"))
    assert np.abs(corner - own).max() < 1e-13 * np.abs(B).max(), "a bias has p = 1 at all places"
    print(f"{name:<48}{errors['expand']:9.1e}{errors['reduce']:9.1e}")
    return three, errors


print(f"relative Frobenius error of K-FAC{'expand':>24}{'reduce':>9}\n")
classes, one_hot = ref.CrossEntropy(), np.eye(2)[labels % 2]
kernel = compared("two 3 x 3 kernels at 36 places, means, classes", convolved, classes, images,
                  labels, 0)
steps = compared("W_hh of an LSTM over 8 rows, classes", read, classes, rows, labels, 1)
mean = compared("kernels, mean over places, squared error", means, ref.SquaredError(), images,
                one_hot, 0)
each = compared("output of an LSTM that predicts the next row", next_row, ref.SquaredError(),
                rows[:, :-1], rows[:, 1:], 2)
assert mean[1]["reduce"] < 1e-14 and each[1]["expand"] < 1e-14, "theorems: docs/4-curvature.md"
print("\nreduce is exact for a linear net whose mean over places is labelled, expand where every\n"
      "place has a label of its own; between these, look.")

if len(sys.argv) > 1:
    from matplotlib.figure import Figure
    from reference import plotting
    figure = Figure(figsize=(8.4, 6.3), layout="constrained")
    axes = figure.subplots(2, 3)
    for line, (three, errors), matrix, parts, label in [
            (axes[0], kernel, "two kernels", "12", "entries of W (2, 10), by kernel"),
            (axes[1], steps, "LSTM's W_hh", "ifgo", "entries of W_hh (8, 3), by gate")]:
        for ax, (how, M) in zip(line, three.items()):
            plotting.heat_map(M / np.abs(three["exact"]).max(), parts, ax).set_xlabel(label)
            ax.set_title(f"K-FAC {how}: {100 * errors[how]:.0f} % off" if how != "exact"
                         else f"{matrix}: exact")
        line[0].set_ylabel(label)
    figure.colorbar(axes[0, 0].images[0], ax=axes, shrink=0.7,
                    label="entry / largest of the exact block; linear within 0.01")
    figure.supxlabel(
        "All places lead to one answer here, so that their gradients agree.  Expand leaves out the "
        "products of different places:\nthe pattern is there, but pale.  Reduce keeps them, as an "
        "average place: the size is there, but the pattern of patches is not.", fontsize=9)
    figure.savefig(sys.argv[1], dpi=110)
