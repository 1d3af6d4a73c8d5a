"""What the documentation shows is what the library does: docstrings, README, pages and examples are run."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import customervalue

ROOT = Path(__file__).parents[1]
PAGES = sorted(path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
EXAMPLES = sorted(path.relative_to(ROOT) for path in (ROOT / "examples").glob("*.py"))


def docstring_examples() -> list[doctest.DocTest]:
    """Every docstring of every module that has an example in it."""
    names = ["customervalue"]
    names += [module.name for module in pkgutil.walk_packages(customervalue.__path__, "customervalue.")]
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in names for test in finder.find(importlib.import_module(name), name)]
    return [test for test in found if test.examples]


def public_calls() -> dict[str, object]:
    """What the front door and the rooms offer, and the methods of their classes; exceptions are not called."""
    names = [f"customervalue.{name}" for name in customervalue.__all__]
    rooms = [module for name in names if inspect.ismodule(module := pkgutil.resolve_name(name))]
    offered = {name: pkgutil.resolve_name(name) for name in names}
    offered |= {f"{room.__name__}.{name}": getattr(room, name) for room in rooms for name in room.__all__}
    calls: dict[str, object] = {}
    for name, thing in offered.items():
        if inspect.ismodule(thing) or (isinstance(thing, type) and issubclass(thing, Exception)):
            continue
        calls[name] = thing
        for method, function in inspect.getmembers(thing, callable) if isinstance(thing, type) else ():
            if not method.startswith("_") and "customervalue" in getattr(function, "__module__", ""):
                calls[f"{name}.{method}"] = function
    return calls


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page whose opening fence names `language`."""
    fence = re.compile(rf"^```{re.escape(language)}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return fence.findall((ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("example", docstring_examples(), ids=lambda example: example.name)
def test_docstring(example: doctest.DocTest) -> None:
    report = io.StringIO()
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(example, out=report.write)
    assert runner.failures == 0, report.getvalue()


@pytest.mark.parametrize("name", public_calls())
def test_public_call_has_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(public_calls()[name]) or "")


def test_readme_shows_what_its_example_prints() -> None:
    names: dict[str, object] = {}
    for code, shown in zip(blocks(Path("README.md"), "python"), blocks(Path("README.md"), "text"), strict=True):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "README.md", "exec"), names)
        assert [line.rstrip() for line in printed.getvalue().splitlines()] == shown.splitlines()


@pytest.mark.heavy
@pytest.mark.parametrize("page", PAGES, ids=str)
def test_page_runs(page: Path) -> None:
    names: dict[str, object] = {}
    for number, cell in enumerate(blocks(page, "{code-cell} python"), start=1):
        code = cell.partition("---\n")[2] if cell.startswith("---") else cell
        exec(compile(code, f"{page}, cell {number}", "exec"), names)


@pytest.mark.heavy
@pytest.mark.parametrize("script", EXAMPLES, ids=str)
def test_example_runs(script: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "error", ROOT / script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("page", [Path("README.md"), Path("CHANGELOG.md"), *PAGES], ids=str)
def test_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)", text)
    assert [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()] == []
