"""Pictures: functions that take arrays and return matplotlib Axes."""

from .curves import losses, scaling, step_sizes
from .matrices import distances, heat_map, heat_maps, kron_residuals
from .results import results
from .spectra import density, spectrum

__all__ = ["density", "distances", "heat_map", "heat_maps", "kron_residuals", "losses", "results",
           "scaling", "spectrum", "step_sizes"]
