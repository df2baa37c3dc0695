"""Pictures: functions that take arrays and return matplotlib Axes."""

from .curves import losses, scaling, step_sizes
from .matrices import distances, heat_map, heat_maps, kron_residuals
from .spectra import density, spectrum

__all__ = ["density", "distances", "heat_map", "heat_maps", "kron_residuals", "losses", "scaling",
           "spectrum", "step_sizes"]
