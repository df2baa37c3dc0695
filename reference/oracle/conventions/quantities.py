"""What of each quantity changes between conventions: which axes are theta, and powers of the loss.

A program whose loss_n is e times ours and whose divisor is R' has, against ours with R,

    linear    e R/R'       the loss, its derivatives, and curvature by closed forms
    squared   e^2 R/R'     outer products of gradients at the data's labels
    example   e N/R', or e/R' if gradients of single examples carry the divisor
    none      1            derivatives of the outputs, which know no loss
"""

from dataclasses import dataclass

VECTOR, MATRIX, JACOBIAN, BLOCKS, FACTORS, PLAIN = (
    "vector", "matrix", "jacobian", "blocks", "factors", "plain")


@dataclass(frozen=True)
class Change:
    """Where theta is, and how the loss scales it."""

    form: str
    scale: str


CHANGES = {
    "value": Change(PLAIN, "linear"),
    "gradient": Change(VECTOR, "linear"),
    "per_example_gradients": Change(JACOBIAN, "example"),
    "jacobian": Change(JACOBIAN, "none"),
    "jvp": Change(PLAIN, "none"),
    "vjp": Change(VECTOR, "none"),
    "hvp": Change(VECTOR, "linear"),
    "ggnvp": Change(VECTOR, "linear"),
    "hessian": Change(MATRIX, "linear"),
    "hessian_blocks": Change(BLOCKS, "linear"),
    "hessian_diagonal": Change(VECTOR, "linear"),
    "gauss_newton": Change(MATRIX, "linear"),
    "gauss_newton_blocks": Change(BLOCKS, "linear"),
    "gauss_newton_diagonal": Change(VECTOR, "linear"),
    "fisher_type2": Change(MATRIX, "linear"),
    "fisher_mc": Change(MATRIX, "linear"),
    "fisher_empirical": Change(MATRIX, "squared"),
    "fisher_diagonal": Change(VECTOR, "linear"),
    "kfac": Change(FACTORS, "linear"),
    "kflr": Change(FACTORS, "linear"),
    "kfac_blocks": Change(BLOCKS, "factors"),
    "kfac_inverse": Change(BLOCKS, "factors inverse"),
    "ekfac": Change(BLOCKS, "factors"),
}


def change_of(quantity):
    """The Change of a quantity by name, or of a function of this package, as ref.hvp.

    Raises
    ------
    ValueError
        If it is nothing that conventions are known to change.
    """
    from ..judge.subjects import subject_of
    name = subject_of(quantity).name
    if name not in CHANGES:
        raise ValueError(f"how conventions change {name} is not known; convert one of "
                         f"{', '.join(CHANGES)}.")
    return CHANGES[name]
