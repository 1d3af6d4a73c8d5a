"""Make src/customervalue/datasets/cdnow_sample.csv.gz from CDNOW_sample.txt, as Fader and Hardie published it.

Run it with the path of the original, or without, to take the copy in the installed lifetimes package:

    python tests/datasets/make_cdnow.py [CDNOW_sample.txt]

A line of the original is: number in the full cohort, number in the sample, date (yyyymmdd), CDs bought, dollars.
Kept are the number in the sample, the date and the dollars, in the original's order and to its last digit.
"""

from __future__ import annotations

import gzip
import sys
from importlib.util import find_spec
from pathlib import Path

TARGET = Path(__file__).parents[2] / "src" / "customervalue" / "datasets" / "cdnow_sample.csv.gz"


def lifetimes_file() -> Path:
    """Find the copy that lifetimes carries, without importing lifetimes."""
    spec = find_spec("lifetimes")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("lifetimes is not installed: give the path of CDNOW_sample.txt")
    return Path(spec.submodule_search_locations[0]) / "datasets" / "CDNOW_sample.txt"


def csv_text(original: Path) -> str:
    """Give the original as the text of the file that is shipped."""
    lines = ["customer_id,date,value"]
    for line in original.read_text(encoding="ascii").splitlines():
        _, customer, day, _, dollars = line.split()
        lines.append(f"{int(customer)},{day[:4]}-{day[4:6]}-{day[6:]},{dollars}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else lifetimes_file()
    TARGET.write_bytes(gzip.compress(csv_text(source).encode("ascii"), compresslevel=9, mtime=0))
