"""What tests in several folders share."""

import os
import sys

import pytest
from hypothesis import settings

# The same examples in each run, so that a change alone decides whether the tests pass;
# CRATON_FUZZ=1 looks for new ones (with `-m hypothesis`, again and again).
settings.register_profile("steady", derandomize="CRATON_FUZZ" not in os.environ)
settings.load_profile("steady")

# Tests run side by side: threads of one worker would only wait for those of the other.
for _name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault(_name, "1")

from craton.cli import main  # noqa: E402


@pytest.fixture
def craton(capsys, monkeypatch, tmp_path):
    """Run the command line in an empty folder; return its code and all that it said."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["craton", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        return code, "".join(capsys.readouterr())

    return run
