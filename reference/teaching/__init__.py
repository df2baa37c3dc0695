"""For lecturers and students: exercises that mark themselves."""

from .exercises import exercises

__all__ = ["exercises"]
