"""The synthetic ocean follows its own linear model, whose skill is known."""

from __future__ import annotations

import numpy as np
import pytest

from craton.data.ocean import grid, linear_model, nino34_weights, optimal_skill, synthetic_sst
from craton.errors import ConfigError
from craton.io.fields import box_mean


def test_the_same_seed_gives_the_same_ocean_and_another_seed_another() -> None:
    one, two, other = synthetic_sst(1, 3), synthetic_sst(1, 3), synthetic_sst(2, 3)
    assert one.identical(two)
    assert not np.array_equal(one["sst"], other["sst"])


def test_the_operator_is_stable_and_turns_with_the_stated_period_and_decay() -> None:
    values = np.linalg.eigvals(linear_model()[0])
    assert abs(values).max() < 1
    slow = values[abs(values).argmax()]
    assert 2 * np.pi / abs(np.angle(slow)) == pytest.approx(48.0)
    assert -1 / np.log(abs(slow)) == pytest.approx(12.0)
    attrs = synthetic_sst(0, 1).attrs
    assert complex(attrs["eigenvalues_real"][0], attrs["eigenvalues_imag"][0]) in (
        pytest.approx(slow),
        pytest.approx(np.conj(slow)),
    )


def test_a_long_run_has_the_covariance_of_the_theory() -> None:
    ds = synthetic_sst(3, 2000)
    _, _, covariance = linear_model()
    spread = ds["sst"].values.std(axis=0)
    np.testing.assert_allclose(spread, np.sqrt(np.diag(covariance)), rtol=0.08)
    index = nino34_weights()
    assert float(np.sqrt(index @ covariance @ index)) == pytest.approx(0.9)
    assert float(box_mean(ds).std()) == pytest.approx(0.9, rel=0.06)


def test_the_index_weights_are_those_of_the_box_mean() -> None:
    ds = synthetic_sst(0, 1)
    np.testing.assert_allclose(box_mean(ds), ds["sst"].values @ nino34_weights())


def test_forecasts_by_the_true_operator_reach_the_optimal_skill() -> None:
    field = synthetic_sst(4, 1500)["sst"].values
    operator, index = linear_model()[0], nino34_weights()
    area = np.cos(np.deg2rad(grid()[0]))
    skill = optimal_skill([1, 3, 6, 12])
    for k, lead in enumerate([1, 3, 6, 12]):
        forecast = field[:-lead] @ np.linalg.matrix_power(operator, lead).T
        error = forecast - field[lead:]
        truth = field[lead:] @ index
        assert np.sqrt(np.mean((error @ index) ** 2)) == pytest.approx(
            float(skill["rmse"][k]), rel=0.03
        )
        assert np.corrcoef(forecast @ index, truth)[0, 1] == pytest.approx(
            float(skill["anomaly_correlation"][k]), abs=0.03
        )
        assert np.sqrt((error**2).mean(axis=0) @ area / area.sum()) == pytest.approx(
            float(skill["field_rmse"][k]), rel=0.03
        )


def test_skill_falls_with_lead_and_persistence_does_not_exceed_it() -> None:
    skill = optimal_skill()
    assert (np.diff(skill["rmse"]) > 0).all()
    assert (np.diff(skill["anomaly_correlation"]) < 0).all()
    operator, _, covariance = linear_model()
    index = nino34_weights()
    power = np.eye(len(index))
    for best in skill["anomaly_correlation"].values:
        power = operator @ power
        own = (index @ power @ covariance @ index) / (index @ covariance @ index)
        assert own <= best + 1e-12


def test_a_quadratic_term_skews_the_index_toward_warm_events() -> None:
    def skewness(x: np.ndarray) -> float:
        return float(np.mean(((x - x.mean()) / x.std()) ** 3))

    plain = skewness(box_mean(synthetic_sst(0, 1000)).values)
    bent = skewness(box_mean(synthetic_sst(0, 1000, nonlinearity=0.6)).values)
    assert bent > plain + 0.2
    assert np.isfinite(synthetic_sst(0, 200, nonlinearity=5.0)["sst"].values).all()


def test_senseless_lengths_and_leads_are_refused() -> None:
    with pytest.raises(ConfigError, match="years"):
        synthetic_sst(years=0)
    with pytest.raises(ConfigError, match="leads"):
        optimal_skill([0])
