"""Windows are run in full batches, and each score finds its station again."""

import numpy as np
import pytest
import torch

from craton.detection.runner import Runner
from craton.detection.station import Layout, Station
from craton.errors import ModelError
from craton.models.nets.picker_input import PickerInput

WANTS = PickerInput(samples=100, components="Z", phases="P", scale="none")


def stations(n):
    made = []
    for k in range(n):
        station = Station(1, 1, Layout(100, 100))
        station.put(0, 0, np.full(300, k + 1, np.float32), 0, 300)
        made.append(station)
    return made


@pytest.fixture(params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("batch", [1, 2, 5, 16])
def test_scores_come_back_to_the_window_they_belong_to(threads, batch):
    """Stations that share batches, one thread and two; the scale of "none" takes no mean away."""
    seen = []

    def net(windows):
        seen.append(len(windows))
        return windows + torch.arange(100.0)

    runner = Runner(net, WANTS, batch)
    own = stations(3)
    for station in own:
        for request in station.advance(300, close=True):
            runner.put(station, request)
    runner.finish()
    assert sum(seen) == 9 and max(seen) <= batch
    for station in own:
        _, scores = station.release()
        np.testing.assert_allclose(np.diff(scores[:100, 0]), 1.0, atol=1e-5)


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (lambda w: w[:, :, :-1], "gave the shape"),
        (lambda w: w * torch.nan, "not finite"),
    ],
)
def test_a_net_that_gives_something_else_is_refused(net, words):
    """Another shape, or no numbers."""
    runner = Runner(net, WANTS, 4)
    station = stations(1)[0]
    for request in station.advance(300, close=True):
        runner.put(station, request)
    with pytest.raises(ModelError, match=words):
        runner.finish()


def test_a_net_runs_as_its_twin_for_inference_where_it_has_one():
    """What is given to train is not what is run."""

    class Net:
        def for_inference(self):
            return lambda windows: windows * 0 + 0.25

    runner = Runner(Net(), WANTS, 4)
    station = stations(1)[0]
    for request in station.advance(300, close=True):
        runner.put(station, request)
    runner.finish()
    assert (station.release()[1] == 0.25).all()
