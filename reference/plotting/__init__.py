"""Pictures: functions that take arrays and return matplotlib Axes."""

from .curves import losses, scaling, step_sizes
from .layering import layering
from .matrices import distances, heat_map, heat_maps, kron_residuals
from .results import results
from .spectra import density, spectrum
from .style import COLORS, STYLE, caption, size

__all__ = ["COLORS", "STYLE", "caption", "density", "distances", "heat_map", "heat_maps",
           "kron_residuals", "layering", "losses", "results", "scaling", "size", "spectrum",
           "step_sizes"]
