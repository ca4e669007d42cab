"""How a record is cut into windows."""

import pytest

from craton.detection.settings import Detection
from craton.errors import ConfigError


@pytest.mark.parametrize(
    ("overlap", "samples", "step"), [(0.5, 3000, 1500), (0, 100, 100), (1800, 3001, 1201)]
)
def test_an_overlap_is_a_share_or_samples(overlap, samples, step):
    """Below one it is a share of the window."""
    assert Detection(overlap=overlap).step(samples) == step


@pytest.mark.parametrize(
    "settings",
    [{"overlap": 3000}, {"overlap": 100, "blinding": (60, 60)}, {"blinding": (-1, 0)}],
)
def test_windows_that_do_not_cover_the_record_are_refused(settings):
    """They would not move, or leave times without a score."""
    with pytest.raises(ConfigError, match="do not cover the record"):
        Detection(**settings).step(3000)


def test_defaults_of_seisbench_mean_the_same_here():
    """Blinding of one number, names of stacking, thresholds by letter; the rest is passed over."""
    given = {"blinding": 250, "overlap": 1500, "stacking": "avg", "P_threshold": 0.2,
             "S_threshold": 0.3, "*_threshold": 0.4, "batch_size": 99}  # fmt: skip
    found = Detection.of_seisbench(given, batch=8)
    assert found.blinding == (250, 250) and found.stacking == "mean" and found.batch == 8
    assert found.thresholds == {"P": 0.2, "S": 0.3} and found.threshold == 0.4
