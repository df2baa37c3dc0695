"""The picture of who imports whom is of the package as it stands."""

import json

import pytest
from matplotlib.patches import FancyArrowPatch
from PIL import Image

from docs.pictures.layering import KEY, PICTURE, arrows, imports
from reference import plotting
from tests.test_house import ROOT, File, package


def test_the_picture_shows_the_imports_of_the_package():
    """If not: python -m docs.pictures.layering."""
    drawn = json.loads(Image.open(PICTURE).text[KEY])
    assert drawn == json.loads(arrows(imports(package(ROOT / "reference"))))


def test_one_more_import_is_one_more_arrow():
    files = [File(("optim", "a.py"), "from ..arrays import x\nfrom .b import y"),
             File(("optim", "b.py"), "import numpy\nfrom ..arrays.ball import z"),
             File(("__init__.py",), "from .optim import a")]
    order = ["arrays", "network", "optim"]
    found = imports(files, order)
    assert found == {"arrays": {}, "network": {}, "optim": {"arrays": 2}}
    more = imports([*files, File(("network", "c.py"), "from ..arrays import x")], order)
    assert json.loads(arrows(found)) != json.loads(arrows(more))


def test_an_arrow_for_every_import_upwards_on_the_right_and_downwards_on_the_left():
    axes = plotting.layering({"arrays": {"optim": 1}, "network": {"arrays": 3}, "optim": {}})
    assert [text.get_text() for text in axes.texts] == ["arrays", "network", "optim"]
    assert [patch.get_path().vertices[0, 0] > 0 for patch in axes.patches
            if isinstance(patch, FancyArrowPatch)] == [False, True]
    for wrong in ({}, {"arrays": {"nowhere": 1}}):
        with pytest.raises(ValueError, match="imports is empty|nowhere is imported"):
            plotting.layering(wrong)
