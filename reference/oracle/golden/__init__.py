"""Golden packs: test vectors for other programs, in any language, and a verdict on their answers.

    models      networks and losses as JSON, and back
    cases       the nets: small, of pairwise coprime sizes
    asked       the quantities: subjects of the judge, and trajectories
    names       of cases, arrays and answers
    digits      proven radius, or agreed digits
    stated      the conventions, in words
    writing     write
    reading     files of strangers: nothing is executed, nothing is believed
    packs       load, load_case, verify
    checking    check
    verdicts    what it found: text, JSON, Markdown, JUnit
    differing   diff of two packs
    command     all of it on the command line
"""

from .cases import CASES
from .checking import check
from .differing import diff
from .packs import load, load_case, verify
from .writing import write

__all__ = ["CASES", "check", "diff", "load", "load_case", "verify", "write"]
