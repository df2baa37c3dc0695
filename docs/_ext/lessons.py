"""What every lesson begins with, and the time it may take."""

from time import perf_counter, process_time

from sphinx.util import logging

from reference.derivatives.routes import ROUTES
from reference.network.elementwise import ACTIVATIONS
from reference.network.losses import LOSSES
from reference.problems import ZOO

LIMIT = 20                                                 # seconds
TABLES = [(table, dict(table)) for table in (ROUTES, ACTIVATIONS, LOSSES, ZOO)]
begun = {}


def watch(settings, file, when):
    """Sphinx-gallery calls this before and after each file: what it added to tables goes."""
    for table, lines in TABLES:
        table.clear()
        table.update(lines)
    clocks = perf_counter(), process_time()
    if when == "before":
        begun[file] = clocks
    elif (seconds := least(clocks, begun.pop(file))) > LIMIT:
        logging.getLogger(__name__).warning("%s took %.0f s; a lesson may take %d s.",
                                            file, seconds, LIMIT)


def least(now, then):
    """The wall's seconds or the processor's: others add to the one, threads to the other."""
    return min(end - start for end, start in zip(now, then))
