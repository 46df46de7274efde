"""The contract, over every signal of the workspace, found by itself."""

import pytest

from fadefollow.testing import SignalContract
from fadefollow.workspace import find_workspace

WORKSPACE = find_workspace()
SIGNALS = WORKSPACE.names("signals")


@pytest.fixture(autouse=True, scope="class", params=SIGNALS)
def signal(request):
    request.cls.signal = WORKSPACE.signal(request.param)()


class TestEverySignal(SignalContract):
    pass
