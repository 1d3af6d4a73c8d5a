"""Print the lowest version of every dependency that pyproject.toml allows, ready for pip: `numpy==2.0` and so on.

    python .ci/floors.py [EXTRA ...]

The run-time dependencies, and those of the extras that are named; an extra may name other extras of this project.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

FLOOR = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[(?P<extras>[^\]]*)\])?(?:>=(?P<floor>[0-9.]+))?")


def floors(project: dict[str, Any], requirements: list[str]) -> dict[str, str]:
    """Name -> lowest allowed version; every requirement has to have one."""
    found: dict[str, str] = {}
    for requirement in requirements:
        parts = FLOOR.fullmatch(requirement.strip())
        if parts is None or not (parts["floor"] or parts["name"] == project["name"]):
            raise SystemExit(f"cannot read a floor from {requirement!r}")
        if parts["name"] == project["name"]:
            for extra in parts["extras"].split(","):
                found |= floors(project, project["optional-dependencies"][extra.strip()])
        else:
            found[parts["name"]] = parts["floor"]
    return found


if __name__ == "__main__":
    this = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(this["dependencies"])
    for name in sys.argv[1:]:
        wanted += this["optional-dependencies"][name]
    for package, version in floors(this, wanted).items():
        sys.stdout.write(f"{package}=={version}\n")
