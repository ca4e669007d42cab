"""Travel times against closed forms and against TauP."""

from __future__ import annotations

import numpy as np
import pytest

from craton.errors import DataError
from craton.models.physics.travel_times import (
    VelocityModel,
    iasp91,
    read_velocity_model,
    travel_times,
    velocity_model,
)

FLAT = {"max_distance": 300.0, "max_depth": 40.0, "distance_step": 0.5, "depth_step": 1.0}


@pytest.fixture(scope="module")
def world():
    return travel_times(iasp91())


def test_half_space_is_distance_over_velocity():
    """In a half space a time is the length of the straight ray over the velocity."""
    model = VelocityModel.layers([0.0], [6.0], [3.5], spherical=False)
    table = travel_times(model, **FLAT)
    x = np.linspace(0.0, 300.0, 77)
    assert table("P", x, 12.0) == pytest.approx(np.hypot(x, 12.0) / 6.0, abs=2e-3)
    assert table("S", x, 12.0) == pytest.approx(np.hypot(x, 12.0) / 3.5, abs=3e-3)


def test_layer_over_half_space_has_direct_and_head_wave():
    """A source at the surface: x / v1, or x / v2 plus the intercept beyond the critical point."""
    h, v1, v2 = 30.0, 6.0, 8.0
    model = VelocityModel.layers([0.0, h], [v1, v2], [3.5, 4.6], spherical=False)
    table = travel_times(model, **FLAT)
    x = np.linspace(1.0, 300.0, 99)
    critical = 2 * h * np.tan(np.arcsin(v1 / v2))
    head = x / v2 + 2 * h * np.sqrt(1 / v1**2 - 1 / v2**2)
    wanted = np.minimum(x / v1, np.where(x >= critical, head, np.inf))
    assert table("P", x, 0.0) == pytest.approx(wanted, abs=5e-3)
    assert table("Pg", x, 0.0) == pytest.approx(x / v1, abs=5e-3)


def test_source_below_the_layer_has_a_head_wave_of_one_passage():
    """A source in the layer at depth z pays the way up from the layer's foot once, less z."""
    h, z, v1, v2 = 30.0, 10.0, 6.0, 8.0
    model = VelocityModel.layers([0.0, h], [v1, v2], [3.5, 4.6], spherical=False)
    table = travel_times(model, **FLAT)
    head = 250.0 / v2 + (2 * h - z) * np.sqrt(1 / v1**2 - 1 / v2**2)
    assert table("P", 250.0, z).item() == pytest.approx(head, abs=2e-3)


@pytest.mark.parametrize("depth", [0.0, 8.0, 30.0, 50.0])
@pytest.mark.parametrize("degrees", [0.5, 1.5, 3.0, 8.0, 13.0, 15.0])
def test_iasp91_is_that_of_taup(world, depth, degrees):
    """First P and S are those of TauP within a tenth of a second up to fifteen degrees."""
    taup = pytest.importorskip("obspy.taup")
    model = taup.TauPyModel("iasp91")
    for phase, names in (("P", ["p", "P", "Pn", "Pg"]), ("S", ["s", "S", "Sn", "Sg"])):
        first = min(a.time for a in model.get_travel_times(depth, degrees, names))
        seen = world(phase, np.radians(degrees) * 6371.0, depth).item()
        assert seen == pytest.approx(first, abs=0.1)


def test_times_grow_with_distance_and_s_comes_after_p(world):
    """Curves rise with distance, S is later than P, no crustal wave precedes the first."""
    seconds = world.seconds.astype(float)
    assert (np.diff(seconds, axis=2) > 0).all()
    assert (seconds[1] >= seconds[0]).all()
    assert (seconds[2:] >= seconds[:2] - 1e-4).all()


def test_a_velocity_file_is_read_down_to_the_core(tmp_path):
    """An .nd file's words are passed over and its fluid core is left out."""
    path = tmp_path / "a.nd"
    path.write_text("0.0 5.5 3.1 2.6\n20 5.5 3.1 2.6\nmantle\n20 8 4.5 3.3\n2891 13.7 7.2 5.5\n"
                    "outer-core\n2891 8.0 0.0 9.9\n")  # fmt: skip
    model = read_velocity_model(path)
    assert model.depth.tolist() == [0.0, 20.0, 20.0, 2891.0]
    assert velocity_model(str(path)).p[-1] == 13.7


def test_what_is_no_model_is_refused(tmp_path):
    """Empty files, missing files, S above P and depths that decrease are each named."""
    path = tmp_path / "a.nd"
    path.write_text("words only\n")
    with pytest.raises(DataError, match="no line"):
        read_velocity_model(path)
    with pytest.raises(DataError, match="no such"):
        read_velocity_model(tmp_path / "none")
    with pytest.raises(DataError, match="0 < S < P"):
        VelocityModel.layers([0.0], [3.0], [6.0])
    with pytest.raises(DataError, match="not decrease"):
        VelocityModel.layers([0.0, -5.0], [6.0, 7.0], [3.0, 4.0])
