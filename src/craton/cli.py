"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from craton import __version__
from craton.errors import CratonError, DataError
from craton.progress import show_progress, show_warnings

app = typer.Typer(
    help="From geophysical data to a model that you can defend.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Set = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", help="A setting, key=value; models.NAME.key=value for a model."),
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Where to write.")]
TaskFile = Annotated[
    Path | None, typer.Option("--task", help="Python file of a task that is not installed.")
]


def _task_from(path: Path | None) -> Any:
    from craton.task import find_task

    return None if path is None else find_task(str(path))


@app.command()
def run(
    task: Annotated[str, typer.Argument(help="Task name (`craton list`) or a Python file.")] = "",
    settings: Set = None,
    out: Out = None,
    config: Annotated[Path | None, typer.Option(help="config.yaml of a run to repeat.")] = None,
    tune: Annotated[int, typer.Option(help="Trials of a search for each candidate.")] = 0,
) -> None:
    """Train candidates and baselines, judge them, write a run folder with a report."""
    from craton import engine
    from craton.config import parse_settings, read_yaml
    from craton.console import print_result
    from craton.errors import ConfigError
    from craton.result import RunConfig
    from craton.task import find_task

    values = parse_settings(settings or [])
    if config is not None:
        kept = read_yaml(config)
        task = task or str(kept.get("task", ""))
        own = {**kept.pop("settings", {}), **values.pop("settings", {})}
        kept.pop("task", None)
        values = {**kept, **own, **values}
    if not task:
        raise ConfigError("no task was named", fix="craton run TASK; `craton list` names them")
    if tune:
        values["tune"] = tune
    declaration = find_task(task)
    chosen = RunConfig.of(task, values)
    folder = out or Path("runs") / declaration.name
    with show_progress() as progress:
        result = engine.run(chosen, folder, task=declaration, progress=progress)
    print_result(result, folder)


@app.command()
def predict(
    bundle: Annotated[Path, typer.Argument(help="Bundle, or run folder.")],
    data: Annotated[str, typer.Argument(help="File, folder or dataset to predict.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File; its ending is the format.")],
    settings: Set = None,
    task: TaskFile = None,
) -> None:
    """Predict: the field's own format in, the field's own format out."""
    from craton import engine
    from craton.config import parse_settings

    values = parse_settings(settings or [])
    with show_progress() as progress:
        found = engine.predict(
            bundle, data, out, task=_task_from(task), settings=values, progress=progress
        )
    print(f"predicted {found.attrs.get('wrote') or _extent(found)}: {out}")


def _extent(predicted: Any) -> str:
    """What was predicted, by its dimensions: 217 picks, or 12 lead x 11 lat x 30 lon."""
    from craton.io.problems import counted

    first = predicted[next(iter(predicted.data_vars))]
    sizes = {d: n for d, n in first.sizes.items() if d not in ("category", "quantile")}
    if len(sizes) == 1:
        ((name, n),) = sizes.items()
        return counted(n, str(name).replace("_", " "))
    return " x ".join(f"{n} {str(d).replace('_', ' ')}" for d, n in sizes.items())


@app.command()
def stream(
    bundle: Annotated[Path, typer.Argument(help="Bundle, or run folder.")],
    source: Annotated[str, typer.Argument(help="seedlink://HOST:PORT, or files that grow.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder; goes on where it was.")],
    settings: Set = None,
    task: TaskFile = None,
) -> None:
    """Run a bundle on a live feed: SeedLink, files that grow, or a replay (--set speed=60).

    `craton list stream` tells what can be set.
    """
    from craton.config import parse_settings
    from craton.serve.live import stream as run_stream

    values = parse_settings(settings or [])
    found = run_stream(bundle, source, out, values, task=_task_from(task))
    from craton.console import print_streamed

    print_streamed(found, out / "picks.csv")


@app.command()
def catalogue(
    waveforms: Annotated[
        str, typer.Argument(help="miniSEED, SAC, SLIST: file, folder, SDS; none: the example.")
    ] = "",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("runs/catalogue"),
    settings: Set = None,
    picker: Annotated[
        Path | None, typer.Option(help="Bundle of phase-picking, or weights of a PhaseNet.")
    ] = None,
    associator: Annotated[Path | None, typer.Option(help="Bundle of phase-association.")] = None,
    types: Annotated[Path | None, typer.Option(help="Bundle of event-classification.")] = None,
) -> None:
    """From waveforms to a catalogue: pick, associate, locate, measure, classify.

    Needs --set stations=FILE (StationXML for magnitudes). Without bundles nothing trained is used.

    All settings: craton list catalogue.
    """
    from craton.catalogue import make_catalogue
    from craton.config import parse_settings
    from craton.console import print_catalogue

    values = parse_settings(settings or [])
    with show_progress() as progress:
        found = make_catalogue(
            waveforms or None, out, values, picker=picker, associator=associator, types=types,
            progress=progress,
        )  # fmt: skip
    print_catalogue(found, out)


@app.command()
def csep(
    forecast: Annotated[
        Path, typer.Argument(help="Grid (.dat, quadtree .csv) or simulated catalogues (.csv).")
    ],
    catalog: Annotated[str, typer.Argument(help="Catalogue of what came.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Results (.json) or pictures (.png, .svg).")
    ] = None,
    start: Annotated[str | None, typer.Option(help="Begin of the forecast, UTC.")] = None,
    end: Annotated[str | None, typer.Option(help="End of the forecast, UTC.")] = None,
    against: Annotated[Path | None, typer.Option(help="Forecast to compare with (T, W).")] = None,
    grid: Annotated[
        Path | None, typer.Option(help="Grid (.dat) whose cells are counted in.")
    ] = None,
    cell: Annotated[float, typer.Option(help="Side of a cell in degrees, without a grid.")] = 0.1,
    magnitude: Annotated[float | None, typer.Option(help="Lowest, without a grid.")] = None,
    catalogs: Annotated[int | None, typer.Option(help="Number of simulated catalogues.")] = None,
) -> None:
    """Test a forecast of earthquakes against what came, as CSEP does."""
    from craton.console import print_csep
    from craton.csep.files import evaluate_files, write_tests

    found = evaluate_files(
        forecast, catalog, against=against, grid=grid, cell=cell, magnitude=magnitude,
        start=start, end=end, n_catalogs=catalogs,
    )  # fmt: skip
    print_csep(found)
    if out is not None:
        write_tests(found, out)
        print(out)


@app.command()
def update(
    bundle: Annotated[Path, typer.Argument(help="Bundle, or run folder.")],
    data: Annotated[str, typer.Argument(help="The whole record, or (events) what is new.")],
    out: Out = None,
    task: TaskFile = None,
) -> None:
    """Score new data first, refit, promote the new model only if it is not worse."""
    from craton import engine

    with show_progress() as progress:
        found = engine.update(bundle, data, out, task=_task_from(task), progress=progress)
    s = found.champion
    print(f"{found.n_new} samples that the model has not learnt from")
    print(f"its {s.metric} on them: {s.score:.4g} [{s.low:.4g}, {s.high:.4g}]")
    print(found.text)
    where = f"written to {out}" if out else "in its place; the old one is beside it (.before)"
    print(f"promoted: the new model is {where}" if found.promoted else "kept the old model")
    print("; ".join(f"{step} {seconds:.1f} s" for step, seconds in found.seconds.items()))


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="Run folder.")]) -> None:
    """Print the scores of a run and where its report is."""
    path = folder / "scores.json"
    if not folder.exists():
        raise DataError("there is no such folder", where=str(folder), fix="check the path")
    if not path.is_file():
        raise DataError("is not a run folder (no scores.json)", where=str(folder))
    from craton.console import print_scores

    print_scores(json.loads(path.read_text(encoding="utf-8")))
    print(folder / "report.html")


@app.command()
def audit(
    task: Annotated[str, typer.Argument(help="Task name or a Python file.")],
    settings: Set = None,
) -> None:
    """Show how much of a score is a leak: random against honest split, and what betrays what."""
    from craton.config import parse_settings
    from craton.console import print_audit
    from craton.leaks import quick_audit
    from craton.result import RunConfig
    from craton.task import find_task

    chosen = RunConfig.of(task, parse_settings(settings or []))
    with show_progress() as progress:
        found = quick_audit(chosen, task=find_task(task), progress=progress)
    print_audit(found)


@app.command()
def check(
    what: Annotated[str, typer.Argument(help="Task name, or a Python file that defines one.")],
) -> None:
    """Run the conformance suite on a task."""
    from craton.conformance import check_task
    from craton.console import print_checks
    from craton.task import find_task

    with show_progress() as progress:
        found = check_task(find_task(what), progress=progress)
    print_checks(found)
    if not all(c.passed for c in found):
        raise typer.Exit(1)


@app.command("list")
def list_tasks(
    task: Annotated[
        str | None, typer.Argument(help="Task, or command, whose settings are wanted.")
    ] = None,
) -> None:
    """List the tasks, or what can be set in one of them, or in a command such as stream."""
    from craton.task import find_task, task_names

    if task is not None:
        from craton.console import COMMANDS, print_command, print_task

        if task in COMMANDS:
            print_command(task)
            return
        print_task(find_task(task))
        return
    names = task_names()
    width = max(map(len, names))
    for name, (title, source) in names.items():
        print(f"{name:<{width}}  {title}" + ("" if source == "craton" else f"  ({source})"))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the task, words with hyphens.")],
    out: Out = None,
) -> None:
    """Write the file of a new task that passes `craton check`; then make it yours."""
    from craton.template import write_task

    path = write_task(name, out)
    run = path.stem.replace("_", "-")
    print(f"{path}: change what is marked CHANGE; it works as it is:")
    print(f"  craton run {path}      then read runs/{run}/report.html")
    print(f"  craton check {path}    blind inputs, clean split, known answer, safe bundle")
    print(f"  craton predict runs/{run} NEW.csv --task {path} --out OUT.csv")
    print("How a task is made: docs, 'Your own task' (`make docs`)")


@app.command()
def data(
    name: Annotated[
        str | None,
        typer.Argument(help="Dataset to look for and verify, or fdsn:ADDRESS to fetch."),
    ] = None,
    out: Out = None,
) -> None:
    """List the datasets of the registry, find one and verify it, or keep a service's events."""
    from craton.data.registry import locate, registry

    if name is not None and name.startswith("fdsn:"):
        print(_fetched(name, out))
        return
    if name is not None:
        print(locate(name).path)
        return
    for key, entry in registry().items():
        size = sum(f["bytes"] for f in entry["files"]) / 1e6
        print(f"{key:<28} {size:7.1f} MB  {entry['title']}")


def _fetched(address: str, out: Path | None) -> str:
    """Keep what an event service answers as a file that is read like any other catalogue."""
    from craton.errors import ConfigError
    from craton.io.catalog import catalog_from_text
    from craton.io.fdsn import fetch_events
    from craton.io.files import atomic

    if out is None or out.suffix != ".txt":
        raise ConfigError("a file for the events is needed", fix="add --out FILE.txt")
    text = fetch_events(address)
    found = catalog_from_text(text, address)
    with atomic(out) as part:
        part.write_text(text, encoding="utf-8")
    first, last = (str(found["time"].to_numpy()[k])[:19] for k in (0, -1))
    return f"{found.sizes['event']} events from {first} to {last} in {out}"


@app.command()
def doctor() -> None:
    """Tell versions, hardware, optional packages and where data are looked for."""
    import os

    from craton.data.registry import MIRROR
    from craton.provenance import hardware, versions

    for key, value in {**hardware(), **versions()}.items():
        print(f"{key:<14} {value}")
    for extra, package in (("wells", "lasio"), ("seismology", "obspy"), ("rasters", "rasterio")):
        if package not in versions():
            print(f"{package:<14} missing: pip install 'craton[{extra}]'")
    print(f"{MIRROR:<14} {os.environ.get(MIRROR, 'not set')}")


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Print the version."""
    if show:
        print(__version__)
        raise typer.Exit


def main() -> None:
    """Run the command line: 0 done, 1 a check failed, 2 a user's mistake, 130 interrupted."""
    show_warnings()
    try:
        # typer hands back the code of an Exit, and 130 for an interrupt
        code = app(standalone_mode=False)
    except CratonError as error:
        print(f"craton: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "show"):
            error.show()
            sys.exit(2)
        raise
    if code == 130:
        print("craton: interrupted; the same command goes on where it was", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
