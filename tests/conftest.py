"""What tests in several folders share."""

import os
import sys

import pytest

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
