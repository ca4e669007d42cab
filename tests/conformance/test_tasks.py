"""Every task that craton has, and the one that `craton new` writes, passes the suite."""

import pytest

from craton.conformance import check_task
from craton.task import find_task, task_names
from craton.template import write_task


@pytest.mark.parametrize("name", sorted(task_names()))
def test_the_task_conforms(name):
    failed = [f"{c.name}: {c.seen}" for c in check_task(find_task(name)) if not c.passed]
    assert not failed, failed


def test_a_new_task_conforms_as_it_is_written(tmp_path):
    path = write_task("my-porosity", tmp_path / "mine.py")
    failed = [f"{c.name}: {c.seen}" for c in check_task(find_task(str(path))) if not c.passed]
    assert not failed, failed
