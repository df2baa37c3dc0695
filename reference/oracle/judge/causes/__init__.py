"""What theirs could be, by topic: contents and arrangements, registered when they are imported.

    derivatives     activations, layers, normalisation, losses, parts, functions, backwards, zeros
    matrices        matrices, diagonals, spectra
    Kronecker       kronecker, factors, ekfac, damping, scales, bias, kbfgs
    steps           steps, fields, first_order, optimisers, second_order
    orders          arrangements, arrangements_kronecker, given
"""

from . import (arrangements, activations, layers, losses, matrices,  # in this order: of equal
               normalisation, parts)                                 # causes the first is told
from . import (arrangements_kronecker, bias, damping, ekfac, factors, fields, first_order, kbfgs,
               kronecker, optimisers, second_order, steps, scales)
from . import backwards, diagonals, functions, given, spectra, zeros

ALL = (arrangements, activations, layers, losses, matrices, normalisation, parts,
       arrangements_kronecker, bias, damping, ekfac, factors, fields, first_order, kbfgs,
       kronecker, optimisers, second_order, steps, scales,
       backwards, diagonals, functions, given, spectra, zeros)
