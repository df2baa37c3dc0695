"""For lecturers and students: derivations in numbers, and exercises that mark themselves."""

from .exercises import exercises
from .explain import explain

__all__ = ["exercises", "explain"]
