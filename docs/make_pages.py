"""Writes one page a task from its declaration."""

import shutil
import tempfile
from pathlib import Path

from craton.task import Task, find_task, task_names


def page(task: Task) -> str:
    """The page of a task, Markdown."""
    settings = [
        f"| `{name}` | `{field.get_default(call_default_factory=True)!r}` |"
        for name, field in task.config.model_fields.items()
    ]
    others = ", ".join(f"`{b}`" for b in task.baselines if b != task.baseline)
    lines = [
        f"# {task.name}",
        "",
        f"{task.title}. Domain: {task.domain}.",
        "",
        f"    craton run {task.name}",
        "",
        "| | |",
        "|---|---|",
        f"| baseline that gains are over | `{task.baseline}` |",
        f"| other baselines | {others} |",
        f"| candidates | {', '.join(f'`{m}`' for m in task.models)} |",
        f"| products of `craton predict` | {', '.join(f'`{p}`' for p in task.products)} |",
        "",
        "## Settings",
        "",
        "| setting | default |",
        "|---|---|",
        *settings,
        "",
        "## Sources",
        "",
        *(f"- {reference}" for reference in task.references),
        "",
    ]
    return "\n".join(lines)


def catalogue_pictures(folder: Path) -> None:
    """Map and section of the catalogue's example, as the command draws them."""
    from craton.catalogue import make_catalogue

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as out:
        make_catalogue(None, out)
        for name in ("map.png", "section.png"):
            shutil.copy(Path(out) / name, folder / name)


def main() -> None:
    """Write all pages and their index."""
    catalogue_pictures(Path(__file__).parent / "_generated" / "catalogue")
    folder = Path(__file__).parent / "tasks"
    folder.mkdir(exist_ok=True)
    names = sorted(task_names())
    for name in names:
        (folder / f"{name}.md").write_text(page(find_task(name)), encoding="utf-8")
    listed = "\n".join(names)
    index = f"# Tasks\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    (folder / "index.md").write_text(index, encoding="utf-8")


if __name__ == "__main__":
    main()
