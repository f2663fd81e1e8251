"""
Check the English of docs, templates and code: prose.py [PATH...], by default everything.

Prints `FILE:LINE: phrase -> better` for each phrase of prose.toml, and what codespell and proselint report.
"""

import re
import subprocess
import sys
import tomllib
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path

import re2
from proselint.checks import __register__ as proselint_checks
from proselint.config import Config
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

LISTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
SKIPPED = re.compile("|".join(LISTS["skipped"]))
SUFFIXES = {".py", ".md", ".html", ".js", ".lua", ".sh", ".toml", ".yml", ".yaml", ".service", ""}
PROSELINT = Config(max_errors=1000, checks=LISTS["proselint"])
CODESPELL = [sys.executable, "-m", "codespell_lib", "--ignore-words-list", ",".join(LISTS["words"])]
SPACE = r"[\s*]+"  # also the ends of lines, and emphasis
END = "¶"  # stands for code, so that no phrase begins before it and ends after it

MARKDOWN_CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]*`|\]\([^)\s]*\)|<!--.*?-->", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>\"""(?:[^\\]|\\.)*?\"""|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<prefix>[ \t]*[rRbBfFuU]{1,2}(?=["']))
    |def[ ](?P<test>test_\w+)
    |(?P<code>[ \t]*[^\s\#"'][^\#"'\n]*)""",
    re.VERBOSE | re.DOTALL,
)


def files(paths: list[Path]) -> Iterator[Path]:
    """Yield the files of *paths*, and of folders among them, that contain prose."""
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in SUFFIXES and not SKIPPED.search(file.as_posix()):
                yield file


def python_prose(source: re.Match[str]) -> str:
    """Return what of one match of PYTHON is prose: the text of a comment or string, or the name of a test."""
    if source.lastgroup == "comment":
        return source[0].lstrip("#! ")
    if source.lastgroup == "string":
        text = source[0].removesuffix('"""').removeprefix("'''").removesuffix("'''")
        return text if text.startswith('"""') else text.strip("\"'")  # a docstring is known by its quotes
    return {"prefix": "", "test": f"{END}{source[0].replace('_', ' ')}{END}"}.get(source.lastgroup or "", END)


def read_prose(path: Path) -> str:
    """Return what people read in the file at *path*, each line where it is in the file."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        return PYTHON.sub(python_prose, text)
    if path.suffix == ".md":
        text = MARKDOWN_CODE.sub(lambda code: END + "\n" * code[0].count("\n"), text)
        return re.sub(r"\n(?=\n)", f"\n{END}", text)
    return text


class Phrases:
    """Our own list: *phrases*, regular expressions, each with better words; not within what is *allowed*."""

    def __init__(self, phrases: dict[str, str], exceptions: list[str]) -> None:
        patterns = {f"(?:{phrase.replace(' ', SPACE)})": better for phrase, better in phrases.items()}
        self.each = {re2.compile(f"(?im){pattern}"): better for pattern, better in patterns.items()}
        self.any = re2.compile(f"(?im){'|'.join(patterns)}")
        self.allowed = re2.compile(f"(?im){'|'.join(exceptions).replace(' ', SPACE)}")

    def find(self, prose: str) -> Iterator[tuple[int, str]]:
        """Yield the offset of each phrase in *prose*, and what to write instead."""
        good = [match.span() for match in self.allowed.finditer(prose)]
        for match in self.any.finditer(prose):
            if any(start <= match.start() < end for start, end in good):
                continue
            better = next(better for pattern, better in self.each.items() if pattern.search(match.group()))
            yield match.start(), f"{' '.join(match.group().split())} -> {better}"


def problems(paths: list[Path]) -> Iterator[str]:
    """Yield a line for everything in the files at *paths* that should be written differently."""
    CheckRegistry().register_many(proselint_checks)
    phrases = Phrases(LISTS["phrases"], LISTS["allowed"])
    for path in paths:
        prose = read_prose(path)
        line_ends = [match.start() for match in re.finditer("\n", prose)]
        for offset, problem in phrases.find(prose):
            yield f"{path}:{bisect_left(line_ends, offset) + 1}: {problem}"
        if path.suffix == ".md":
            for result in LintFile(str(path), prose).lint(PROSELINT):
                message = " ".join(result.check_result.message.split())
                yield f"{path}:{result.pos[0]}: {message} ({result.check_result.check_path})"


def main() -> None:
    """Check the named files, or all."""
    names = sys.argv[1:] or LISTS["paths"]
    if missing := [name for name in names if not Path(name).exists()]:
        sys.exit(f"There is no {', '.join(missing)}.")
    paths = list(files([Path(name) for name in names]))
    with subprocess.Popen([*CODESPELL, *paths], stdout=subprocess.PIPE, text=True) as codespell:  # noqa: S603 - our own
        lines = list(problems(paths))
        spelling, _ = codespell.communicate()
    lines += [line.replace(" ==> ", " -> ") for line in spelling.splitlines()]
    print(*lines, sep="\n", end="\n" if lines else "")
    sys.exit(bool(lines))


if __name__ == "__main__":
    main()
