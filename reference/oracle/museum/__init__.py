"""The museum of faults: errors that public issue trackers report, each planted to be found.

    exhibit       what an exhibit is
    points, structured      networks with data to plant them in, sizes pairwise coprime
    planting      networks of which one layer or the loss is spoiled
    matrices, twice, backwards, paths, programs, reductions, optimisers     the exhibits
    collection    all of them by id, and what cannot be planted
    subjects      small quantities that only they are about
    measure       which of them the judge finds and names
    correct       random correct answers of other precisions, orders of sums and layouts
    power         how often a fault in one gradient is missed
    against       the same exhibits before somebody else's checker
    page, command all of it as text
"""

from .against import Visit, visit
from .collection import EXHIBITS, OUTSIDE
from .correct import alarms
from .exhibit import Exhibit
from .measure import measure, report_of, summary
from .power import powers

__all__ = ["EXHIBITS", "OUTSIDE", "Exhibit", "Visit", "alarms", "measure", "powers", "report_of",
           "summary", "visit"]
