"""Counts of catalogues in cells, beside numpy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from craton.csep.sparse import count_cells, sum_of


@given(st.integers(0, 5000), st.integers(0, 20), st.integers(0, 9))
def test_a_sum_is_bit_for_bit_that_of_numpy(n, low, seed):
    values = np.random.default_rng(seed).normal(size=low + n + 3)
    assert sum_of(values, low, n) == np.sum(values[low : low + n])


def test_sums_of_each_catalogue_are_those_of_its_own_entries():
    rng = np.random.default_rng(1)
    catalog, cell = rng.integers(0, 4, 900), rng.integers(0, 700, 900)
    found = count_cells(catalog, cell, 5, 700)
    table = np.zeros((5, 700), int)
    np.add.at(table, (catalog, cell), 1)
    assert found.number.tolist() == table[table > 0].tolist()
    assert found.sums(found.number.astype(float)).tolist() == table.sum(axis=1).tolist()
