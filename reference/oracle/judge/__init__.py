"""The judge of somebody else's numbers: do they agree, and if not, what known cause explains them?

    subjects      what can be checked: our numbers, and what the axes of each array are
    answers       theirs, from arrays, named arrays or a callable that is asked more than once
    tolerance     how far two correct programs may be apart, entry by entry
    case          both side by side, and the constants N, C, T, ... of the problem
    hypotheses    contents (another matrix, a missing term), arrangements (orders), factors
    search        the best explanation, its residual and the runner-up
    localise      names of entries, the first wrong layer in the order of backpropagation
    report        the verdict as text, JSON, Markdown and JUnit
    verdict       check: all of it in one call
"""

from . import (arrangements, contents_activations, contents_layers,  # registered by import
               contents_losses, contents_matrices, contents_normalisation, contents_parts)
from . import (arrangements_kronecker, contents_bias, contents_damping, contents_ekfac,
               contents_factors, contents_fields, contents_first_order, contents_kbfgs,
               contents_kronecker, contents_optimisers, contents_second_order, contents_steps,
               scales)
from . import (contents_backwards, contents_diagonals, contents_functions, contents_spectra,
               contents_zeros)

REGISTERED = (arrangements, contents_matrices, contents_losses, contents_parts,
              contents_activations, contents_layers, contents_normalisation,
              contents_kronecker, contents_factors, contents_ekfac, contents_damping, scales,
              arrangements_kronecker, contents_steps, contents_fields, contents_first_order,
              contents_kbfgs, contents_optimisers, contents_second_order, contents_bias,
              contents_backwards, contents_diagonals, contents_functions, contents_spectra,
              contents_zeros)
