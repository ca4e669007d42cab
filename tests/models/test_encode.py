"""Encoding of inputs and targets."""

from __future__ import annotations

import numpy as np

from craton.models.encode import Encoder, eofs, project
from craton.samples import Target

CLASSES = Target("rock", ("a", "b"), (0, 1))


def test_a_table_gets_mean_zero_and_spread_one_whatever_its_offset():
    rng = np.random.default_rng(0)
    x = (4.2e4 + rng.normal(size=(5000, 2))).astype(np.float32)
    found = Encoder.fit({"x": x}, np.zeros(5000, int), CLASSES).encode({"x": x})["x"]
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(found.std(axis=0), 1.0, atol=0.01)


def test_a_gap_becomes_the_mean_and_is_flagged_if_training_had_gaps_there():
    x = np.array([[1.0, 5.0], [3.0, np.nan], [5.0, 9.0]], np.float32)
    found = Encoder.fit({"x": x}, np.zeros(3, int), CLASSES).encode({"x": x})["x"]
    assert found.shape == (3, 3)
    assert found[1, 1] == 0.0
    assert found[:, 2].tolist() == [0.0, 1.0, 0.0]


def test_a_constant_or_empty_column_gives_zeros():
    x = np.array([[2.0, np.nan], [2.0, np.nan]], np.float32)
    found = Encoder.fit({"x": x}, np.zeros(2, int), CLASSES).encode({"x": x})["x"]
    assert (found[:, :2] == 0).all()


def test_numbers_go_there_and_back():
    y = np.array([1.0, 2.0, np.nan, 5.0], np.float32)
    encoder = Encoder.fit({"x": np.zeros((4, 1))}, y, Target("head"))
    there = encoder.encode_target(y)
    assert there.shape == (4, 1)
    np.testing.assert_allclose(encoder.decode_target(there), y, rtol=1e-6)


def test_eofs_find_the_pattern_that_made_the_field_and_drop_what_has_no_variance():
    rng = np.random.default_rng(0)
    pattern = np.array([3.0, 4.0, 0.0]) / 5
    field = rng.normal(size=(300, 1)) * 2.0 * pattern
    patterns, scale = eofs(field[:, :, None])
    assert patterns.shape == (1, 3)
    np.testing.assert_allclose(np.abs(patterns[0]), np.abs(pattern), atol=1e-3)
    np.testing.assert_allclose(scale, np.sqrt((field**2).sum(axis=1).mean()), rtol=1e-3)


def test_scores_of_a_field_with_a_gap_are_near_those_without():
    patterns = np.linalg.qr(np.random.default_rng(0).normal(size=(30, 2)))[0].T
    field = np.array([[1.5, -2.0]]) @ patterns
    gappy = field.copy()
    gappy[0, ::4] = np.nan
    np.testing.assert_allclose(project(field, patterns), [[1.5, -2.0]], atol=1e-9)
    np.testing.assert_allclose(project(gappy, patterns), [[1.5, -2.0]], atol=0.1)


def test_a_step_without_any_value_is_zero_as_input_and_missing_as_target():
    field = np.random.default_rng(0).normal(size=(40, 6, 3)).astype(np.float32)
    observed = np.moveaxis(field, 1, 2).copy()
    encoder = Encoder.fit({"sequence": field}, observed, Target("sst"))
    field[0, :, 1] = np.nan
    found = encoder.encode({"sequence": field})["sequence"]
    assert (found[0, :, 1] == 0).all()
    observed[0, 1] = np.nan
    y = encoder.encode_target(observed).reshape(40, 3, -1)
    assert np.isnan(y[0, 1]).all()
    assert np.isfinite(y[1:]).all()


def test_a_field_on_other_points_than_the_target_is_standardised_instead():
    sequence = np.random.default_rng(0).normal(size=(40, 4, 3))
    observed = np.random.default_rng(1).normal(size=(40, 2, 6))
    encoder = Encoder.fit({"sequence": sequence}, observed, Target("sst"))
    assert encoder.encode({"sequence": sequence})["sequence"].shape == (40, 4, 3)
    back = encoder.decode_target(encoder.encode_target(observed))
    np.testing.assert_allclose(back, observed, atol=1e-5)


def test_a_restored_encoder_encodes_the_same():
    x = np.random.default_rng(0).normal(size=(20, 3))
    encoder = Encoder.fit({"x": x}, np.zeros(20, int), CLASSES)
    again = Encoder.from_state({k: v.copy() for k, v in encoder.state().items()})
    np.testing.assert_array_equal(encoder.encode({"x": x})["x"], again.encode({"x": x})["x"])
