"""What a factor means for a subject: a convention or an error, and what to do about it."""

from .hypotheses import CONVENTION, ERROR

UNREDUCED = "jacobian", "jvp", "vjp"           # no mean and no loss enters these
PRODUCTS = "gradient", "hvp", "ggnvp", "per_example_gradients", *UNREDUCED


def meaning(factor, case):
    """(kind, advice) of a Factor other than 1."""
    if not factor.named:
        return ERROR, "Look for a constant that is missing or used twice."
    if factor.value <= 0:
        return ERROR, "" if factor.value == 0 else "The sign is reversed."
    told = [_of_symbol(symbol, power, case) for symbol, power in factor.powers]
    kind = ERROR if ERROR in [kind for kind, _ in told] else CONVENTION
    return kind, " ".join(dict.fromkeys(advice for _, advice in told if advice))


def _of_symbol(symbol, power, case):
    """(kind, advice) of one constant to a power."""
    if symbol == "2" and case.objective.loss.name == "SquaredError":
        return CONVENTION, ("The 2 is that of squared error: ours is |z - y|^2/2 per example."
                            if power > 0 else "Squared error is halved once more: ours is "
                            "|z - y|^2/2 per example.")
    if symbol in ERRORS:
        return ERROR, ERRORS[symbol]
    if case.subject.name in UNREDUCED:
        return ERROR, f"Nothing in {case.subject.title} is divided by {symbol}."
    if symbol == "S" and case.subject.name in PRODUCTS:
        return ERROR, "A sum over places is divided by their number, or multiplied by it."
    if symbol == "N" and case.subject.name == "per_example_gradients":
        return CONVENTION, ("Each gradient carries the 1/N of the mean: multiply by N."
                            if power < 0 else "")
    if symbol in MEANS:
        return CONVENTION, MEANS[symbol][power < 0]
    return CONVENTION, ""


ERRORS = {
    "2": "A 2 is there that squared error would have; this loss has none: look for a term counted "
         "twice, or half of one.",
    "P": "A mean over parameters has been taken, or undone.",
    "(N - 1)": "It is divided by N - 1, as the estimate of a variance is: divide by N.",
    "|v|": "It is scaled by the length of v: multiply by |v| what was computed of v/|v|.",
    "|u|": "It is scaled by the length of u: multiply by |u| what was computed of u/|u|.",
    "|v|^2": "It is contracted with v once too often: right for |v| = 1 alone.",
    "|u|^2": "It is contracted with u once too often: right for |u| = 1 alone.",
}

MEANS = {                              # what to do about a power > 0, and about one < 0
    "N": ("It is a sum over the batch, ours a mean: divide by N, or use reduction=\"sum\".",
          "The mean over the batch is taken once more: multiply by N, or take gradients of the "
          "sum."),
    "R": ("It is a sum, ours is divided by R: what all labels count.",
          "It is divided by R, what all labels count, once more."),
    "C": ("It is multiplied by the number of outputs.",
          "It is a mean over outputs, too, ours a sum over them: multiply by C."),
    "T": ("It is a sum over places where ours is divided by T, or T times too large.",
          "It is a mean over places, ours a sum over them: multiply by T."),
    "sum w/N": ("It is multiplied by the mean weight.",
                "It is divided by the sum of the weights, ours by N."),
}
