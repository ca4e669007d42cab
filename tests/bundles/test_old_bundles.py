"""A bundle that an older version saved still predicts what it predicted then."""

from pathlib import Path

import pytest

import craton

EXPECTED = {"0.1.0": [0.68087, 0.97908, 0.63174]}


@pytest.mark.parametrize("version", sorted(EXPECTED))
def test_the_bundle_of_a_version_predicts_as_it_did(version):
    found = craton.predict(Path(__file__).parent / version, None)
    assert found["class"].to_numpy()[:3, 0] == pytest.approx(EXPECTED[version], abs=2e-4)
