"""Reverse mode, by the layers' own vjp: one backward pass gives the whole gradient."""


def gradient(objective, theta):
    """dL/dtheta (..., P)."""
    return objective.grad(theta)
