"""
Print how many lines of each package of Holdfast tests have run: coverage_by_package.py FILE, a report of coverage.py.
"""

import json
import sys
from collections import Counter
from pathlib import Path


def main() -> None:
    """Read the report in the file that is named, and print one line for each package and one for all."""
    covered_lines: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for name, file in json.loads(Path(sys.argv[1]).read_text())["files"].items():
        inside = name.partition("holdfast/")[2].split("/")
        for package in (inside[0] if len(inside) > 1 else "(top)", "all"):
            covered_lines[package] += file["summary"]["covered_lines"]
            lines[package] += file["summary"]["num_statements"]
    for package in (*sorted(lines.keys() - {"all"}), "all"):
        print(f"{package:14} {lines[package]:6} lines {100 * covered_lines[package] / max(lines[package], 1):6.1f} %")


if __name__ == "__main__":
    main()
