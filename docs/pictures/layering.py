"""docs/pictures/layering.png: the folders of the package and who imports whom, read off its files.

    python -m docs.pictures.layering

What is drawn is also written into the file, as text, for a test to hold it against the package.
"""

import json
from collections import Counter
from pathlib import Path

from reference import plotting
from tests.test_house import ORDER, ROOT, imported, package

PICTURE = Path(__file__).with_suffix(".png")
KEY = "imports"                         # of the text within the picture


def imports(files, order=ORDER):
    """{folder: {imported folder: number of files that import it}}, in the order of the layers."""
    found = {name: Counter() for name in order}
    for file in files:
        names = {name.split(".")[1] for name in imported(file) if name.startswith("reference.")}
        found.get(file.place, Counter()).update(names & found.keys() - {file.place})
    return {name: {to: own[to] for to in order if own[to]} for name, own in found.items()}


def arrows(found):
    """Who imports whom, as text: the numbers of files are left out, since they change daily."""
    return json.dumps({name: list(own) for name, own in found.items()})


if __name__ == "__main__":
    now = imports(package(ROOT / "reference"))
    plotting.layering(now).figure.savefig(PICTURE, dpi=110, metadata={KEY: arrows(now)})
