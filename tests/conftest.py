"""What tests in several folders share."""

import sys

import pytest

from craton.cli import main


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
