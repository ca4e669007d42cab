"""The example of the picking task."""

from craton.data.seismograms import example_windows


def test_the_example_is_laid_out_as_the_reader_lays_windows_out():
    """Its variables are those that the task needs."""
    data = example_windows(5)
    assert data["waveform"].dims == ("window", "component", "time")
    assert {"arrival", "start", "name", "network", "station", "location", "instrument",
            "event"} <= set(data.data_vars)  # fmt: skip
