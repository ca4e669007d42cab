"""Who may import whom, and that nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import craton

ROOT = Path(craton.__file__).parent
HEAVY = {
    "torch", "sklearn", "xarray", "pandas", "scipy", "matplotlib", "lightgbm", "numba", "monai",
    "optuna", "obspy", "lasio", "rasterio",
}  # fmt: skip
OPTIONAL = {"obspy", "lasio", "rasterio"}


def modules(*patterns: str) -> list[Path]:
    return sorted(p for pattern in patterns for p in ROOT.glob(pattern))


def imported(path: Path, *, top_only: bool = False) -> set[str]:
    """Full names of all modules that a file imports, relative ones resolved."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def of_craton(path: Path) -> set[str]:
    """Modules of craton that a file imports, without the names taken from them."""
    names = {n for n in imported(path) if n.split(".")[0] == "craton"}
    found = set()
    for name in names:
        parts = name.split(".")[1:]
        while parts and not (
            ROOT.joinpath(*parts).with_suffix(".py").is_file() or ROOT.joinpath(*parts).is_dir()
        ):
            parts.pop()
        found.add(".".join(parts))
    return found


def label(path: Path) -> str:
    return str(path.relative_to(ROOT))


CORE = ("samples.py", "splits.py", "metrics.py", "uncertainty.py", "io/*.py")


@pytest.mark.parametrize("path", modules(*CORE), ids=label)
def test_the_core_imports_nothing_of_ours_but_errors_and_config(path: Path) -> None:
    inside = {m for m in of_craton(path) if path.parent.name == "io" and m.startswith("io")}
    assert of_craton(path) - inside <= {"", "errors", "config"}  # "" is the version


@pytest.mark.parametrize("path", modules("models/**/*.py"), ids=label)
def test_models_import_neither_tasks_nor_engine_nor_data(path: Path) -> None:
    heads = {m.split(".")[0] for m in of_craton(path) - {"seismicity.completeness"}}
    allowed = {"errors", "config", "samples", "splits", "metrics", "uncertainty", "io", "models"}
    allowed |= {"gathers", "events", "wells"}
    assert heads <= allowed


@pytest.mark.parametrize(
    "path", modules("seismicity/b_value.py", "seismicity/completeness.py"), ids=label
)
def test_completeness_which_models_import_imports_none(path: Path) -> None:
    assert of_craton(path) <= {"errors", "seismicity.b_value"}


@pytest.mark.parametrize("path", modules("tasks/*.py"), ids=label)
def test_no_task_imports_the_engine(path: Path) -> None:
    assert not {m for m in of_craton(path) if m in ("engine", "judge", "conformance", "cli")}


@pytest.mark.parametrize("path", [p for p in modules("*.py") if p.name != "template.py"], ids=label)
def test_nothing_at_the_top_imports_a_task(path: Path) -> None:
    assert not {m for m in of_craton(path) if m.startswith("tasks")}


@pytest.mark.parametrize("path", modules("**/*.py"), ids=label)
def test_optional_packages_are_imported_inside_functions_only(path: Path) -> None:
    heads = {m.split(".")[0] for m in imported(path, top_only=True)}
    assert not heads & OPTIONAL


def test_the_core_has_no_cycle_and_the_check_itself_sees_imports() -> None:
    assert "errors" in of_craton(ROOT / "samples.py")
    assert "io.files" in of_craton(ROOT / "bundle.py")
    assert any(m.startswith("models") for m in of_craton(ROOT / "judge.py"))


LOADED = """
import json, sys
from craton.cli import main
sys.argv = ["craton", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""


@pytest.mark.parametrize("command", [["--help"], ["list"], ["--version"], ["run", "--help"],
                                     ["catalogue", "--help"], ["data"]], ids=" ".join)  # fmt: skip
def test_a_command_that_computes_nothing_imports_nothing_heavy(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip()
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert "craton" in loaded
    assert not loaded & HEAVY
