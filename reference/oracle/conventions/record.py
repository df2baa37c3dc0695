"""What a library or a paper means by its numbers: one frozen record, with where that was read.

Scales are products of symbols, {"S": 1, "N": -2} for S/N^2, of theirs against ours: N examples, S
places of the layer (positions of a convolution, steps, words), R what their loss is divided by.
"""

from dataclasses import dataclass, field

from ..judge.factors import written

RUN, READ, RESTATED = "run here", "read in the source", "restated, not read here"
CERTAINTIES = (RUN, READ, RESTATED)
DIVISORS = {"1": "nothing", "N": "N", "labels": "the number of labels",
            "elements": "the number of outputs, N C"}
SETTINGS = ("expand", "reduce")
KINDS = ("linear", "convolution")


@dataclass(frozen=True)
class Factor:
    """theirs = scale x ours of `setting`, of one of the two Kronecker factors."""

    setting: str
    scale: dict = field(default_factory=dict)

    def __str__(self):
        times = written(self.scale)
        return f"{self.setting}" + (f" x {times}" if times else "")

    def value(self, symbols):
        """The scale as a number, from {symbol: number}."""
        product = 1.0
        for symbol, power in self.scale.items():
            product *= symbols[symbol] ** power
        return product


def same(setting):
    """(G, A) as ours."""
    return Factor(setting), Factor(setting)


AS_OURS = {setting: dict.fromkeys(KINDS, same(setting)) for setting in SETTINGS}


@dataclass(frozen=True)
class Convention:
    """One library or paper; None is what is not known, and {} what it does not have.

    Attributes
    ----------
    name, title : str
    losses : dict or None
        Our loss's name -> (factor, divisor): theirs = factor x (sum over examples and outputs as
        ours)/divisor, of `DIVISORS`; {} if the user writes the loss, which is then taken as ours.
    per_example : str or None
        "loss_n", or "loss_n/R" if gradients of single examples carry the mean's divisor.
    parameters : str or None
        Their order in a flat vector, of `judge.orders.ORDERS`.
    gru : str or None
        That order where there is a GRU, if it differs.
    weight, kernel, bias, vec, kronecker : str or None
        Layouts in words.
    gates : dict or None
        "LSTM", "GRU" -> order.
    factors : dict or None
        setting -> {"linear" or "convolution": (G, A)}, each a `Factor`.
    bias_in_A : bool or None
        Whether the constant 1 is the last input of A; None where biases are apart, or not known.
    squared : bool
        Whether G is made of gradients of the whole loss, so that factors of it are squared.
    fisher, damping : str or None
        The default kind, of `ref.fisher` and "ggn"; the default rule of `Kron.inv`.
    notes : tuple of str
    source, version, certainty : str
        Where it was read; certainty is one of `CERTAINTIES`.
    """

    name: str
    title: str
    losses: dict | None = None
    per_example: str | None = None
    parameters: str | None = None
    gru: str | None = None
    weight: str | None = None
    kernel: str | None = None
    bias: str | None = None
    vec: str | None = None
    kronecker: str | None = None
    gates: dict | None = None
    factors: dict | None = None
    bias_in_A: bool | None = None
    squared: bool = False
    fisher: str | None = None
    damping: str | None = None
    notes: tuple = ()
    source: str = ""
    version: str = ""
    certainty: str = RESTATED
