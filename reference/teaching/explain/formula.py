r"""A formula is written once, in LaTeX; a terminal is told the same in plain text.

    \frac{1}{R} \sum_n w_n J_n^T S_n J_n    ->    (1/R) sum_n w_n J_n^T S_n J_n
"""

import re

BEFORE = [                             # in this order, before fractions and roots
    (r"\\partial (?=\S)", "d"),                                   # dz_n, but d loss_n for \,
    (r"\\\{", "<"), (r"\\\}", ">"),                               # braces that are shown
    (r"\\(left|right)(?![a-z])", ""), (r"\\[,;]", " "),
    (r"\\mathrm\{([^{}]*)\}", r"\1"), (r"\\bar (\w)", r"\1bar"),
    (r"([_^])\{([-\w]+)\}", r"\1\2")]
COMMANDS = {                           # others are their own names, as \theta
    "partial": "d", "lambda": "lam", "otimes": "(x)", "odot": "*", "cdot": ".", "to": "->",
    "approx": "~", "dots": "...", "quad": "  ", "geq": ">=", "leftarrow": "<-",
    "epsilon": "eps"}


def plain(latex):
    r"""The formula in ASCII: \frac{a}{b} becomes (a)/(b), x_{nt} becomes x_nt."""
    text = latex
    for pattern, replacement in BEFORE:
        text = re.sub(pattern, replacement, text)
    while (shorter := _innermost(text)) != text:
        text = shorter
    text = text.replace("<", "{").replace(">", "}")
    text = re.sub(r"\\([A-Za-z]+)", lambda match: COMMANDS.get(match[1], match[1]), text)
    return re.sub(r"(?<=\S) {2}(?=\S)", " ", text).strip()


def _innermost(text):
    """Fractions, roots and indices whose braces hold no others, with round brackets."""
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", _fraction, text)
    text = re.sub(r"\\sqrt\{([^{}]*)\}", r"sqrt(\1)", text)
    return re.sub(r"([_^])\{([^{}]*)\}", r"\1(\2)", text)


def _fraction(match):
    """a/b, in brackets before what it multiplies."""
    fraction = "/".join(part if _single(part) else f"({part})" for part in match.groups())
    multiplies = re.match(r"\s*[\\\w(]", match.string[match.end():])
    return f"({fraction})" if multiplies else fraction


def _single(part):
    """Whether it is one symbol, or its differential."""
    return re.fullmatch(r"(\\partial(\^2)? +)?[^\s+-]+", part)
