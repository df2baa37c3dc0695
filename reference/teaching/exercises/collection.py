"""All exercises in the order of the lessons, found by number, name or the function's name."""

from dataclasses import dataclass

from .layer import LAYER_EXERCISES
from .methods import METHOD_EXERCISES
from .nets import NETWORK_EXERCISES


@dataclass(frozen=True, repr=False)
class Exercises:
    """A sequence of Exercise, counted from 1: `exercises[4]`, `exercises["vjp"]`, `exercises.vjp`.

    Printed, it is the list of them.
    """

    each: tuple

    def __len__(self):
        return len(self.each)

    def __iter__(self):
        return iter(self.each)

    def __getitem__(self, key):
        """By number from 1, by name, or by the name of the function to write.

        Raises
        ------
        KeyError
            Listing what there is.
        """
        for number, exercise in enumerate(self.each, 1):
            if key in (exercise.short, exercise.name) or key == number and key is not True:
                return exercise
        raise KeyError(f"no exercise {key!r}; pass a number from 1 to {len(self)}, or one of "
                       f"{', '.join(each.short for each in self.each)}.")

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError as missing:
            raise AttributeError(missing.args[0]) from None

    def __dir__(self):
        return [*super().__dir__(), *(each.short for each in self.each)]

    def __repr__(self):
        lines = [f"{number:>3}  {each.short:<21} lesson {each.lesson}   {each.name}"
                 for number, each in enumerate(self.each, 1)]
        return "\n".join([f"{len(self)} exercises; read exercises.vjp.task, then mark your "
                          "function by exercises.vjp.mark(function)", *lines])


EXERCISES = Exercises((*LAYER_EXERCISES, *NETWORK_EXERCISES, *METHOD_EXERCISES))
