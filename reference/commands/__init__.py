"""The commands of `python -m reference`, one module each: `add(commands)` and `run(arguments)`.

`add` makes the parser, with options, help and an example; `run` returns the exit status, and raises
Refused for what cannot be done. Only here is anything printed or drawn.
"""

from . import (bench, check, conventions, golden, identify, layers, map, museum, plot, results,
               train)

COMMANDS = (check, layers, map, bench, train, plot, results, golden, conventions, museum, identify)
