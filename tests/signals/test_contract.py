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
    def test_every_phase_is_told_in_a_few_words(self) -> None:
        assert set(self.signal.about) == set(self.signal.phases)
        assert all(2 <= len(words.split()) <= 5 for words in self.signal.about.values())
