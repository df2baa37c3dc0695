"""The museum of faults: errors that public issue trackers report, each planted to be found.

    exhibit       what an exhibit is, and where all of them are kept
    points        networks with data to plant them in, sizes pairwise coprime
    planting      networks of which one layer or the loss is spoiled
    spectra, matrices, twice, backwards, losses, layouts, steps      the exhibits
    measure       which of them the judge finds and names, and what it says of correct answers
    correct       random correct answers of other precisions, orders of sums and layouts
    power         how often a fault in one gradient is missed
    against       the same exhibits before somebody else's checker
    page          all of it as text
"""
