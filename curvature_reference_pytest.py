"""pytest's fixture `oracle_case`: loaded with pytest, and nothing imported until a test asks.

It stands beside the package, whose import would cost every run of pytest half a second.
"""

import pytest


@pytest.fixture
def oracle_case(request):
    """A designed point, `objective, theta = oracle_case`; "dense", or what parametrize says.

    @pytest.mark.parametrize("oracle_case", ["dense", ("conv", 3)], indirect=True), name or
    (name, seed).
    """
    from reference.testing import oracle_case
    return oracle_case(getattr(request, "param", "dense"))
