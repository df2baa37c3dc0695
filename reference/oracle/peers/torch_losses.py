"""L in PyTorch: its losses, example by example, in the convention of an objective."""

import torch
from torch.nn import functional as F


def labelwise(loss, z, y):
    """loss (N, ...) of each label, z (N, ..., C)."""
    name, parameters = loss.name, loss.parameters
    if name == "CrossEntropy":
        return F.cross_entropy(z.movedim(-1, 1), _classes(y), reduction="none",
                               **_options(parameters, z))
    if name == "Gaussian":             # F.gaussian_nll_loss looks at its data: vmap refuses it
        mean, s = z.chunk(2, -1)
        return ((y - mean) ** 2 * torch.exp(-s) + s).sum(-1) / 2
    return ENTRYWISE[name](z, y, *parameters).sum(-1)


ENTRYWISE = {
    "SquaredError": lambda z, y: F.mse_loss(z, y, reduction="none") / 2,
    "BinaryCrossEntropy": lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none"),
    "Huber": lambda z, y, delta: F.huber_loss(z, y, reduction="none", delta=delta),
    "Poisson": lambda z, y: F.poisson_nll_loss(z, y, reduction="none"),
}


def _classes(y):
    """Probabilities (N, ..., C) with C where PyTorch wants it; labels as they are."""
    return y.movedim(-1, 1) if y.is_floating_point() else y.long()


def _options(parameters, z):
    weights, smoothing, ignore = parameters
    return {"label_smoothing": smoothing, "ignore_index": -100 if ignore is None else ignore,
            "weight": None if weights is None else torch.tensor(weights).to(z)}


def exampled(objective, z, y):
    """loss_n (N,): the sum over an example's labels, unweighted."""
    return labelwise(objective.loss, z, y).flatten(1).sum(1) if z.ndim > 2 else labelwise(
        objective.loss, z, y)


def batched(objective, z, y):
    """L without its weight decay."""
    if objective.reduction == "mean over labels":
        if objective.loss.name != "CrossEntropy" or objective.weights is not None:
            raise NotImplementedError("PyTorch has no mean over labels with example weights.")
        return F.cross_entropy(z.movedim(-1, 1), _classes(y),
                               **_options(objective.loss.parameters, z))
    losses = exampled(objective, z, y)
    if objective.weights is not None:
        losses = losses * torch.as_tensor(objective.weights).to(losses)
    return losses.mean() if objective.reduction == "mean" else losses.sum()


def targets(objective):
    """y as a tensor in the precision of x."""
    y = torch.tensor(objective.y)
    return y.to(torch.tensor(objective.x).dtype) if (
        y.is_floating_point() and objective.x.dtype.kind == "f") else y
