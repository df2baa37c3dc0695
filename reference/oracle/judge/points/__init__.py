"""Where to check: points that hide nothing, and what a given point would hide.

    audit                               the weaknesses of a point
    weak_sizes, weak_layers, weak_values    each of them
    designer, designs                   points without any
"""

from . import weak_layers, weak_sizes, weak_values

ALL = weak_layers, weak_sizes, weak_values
