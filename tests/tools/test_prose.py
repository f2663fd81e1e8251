"""tools/prose.py reads what people read, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

PROSE = Path(__file__).parents[2] / "tools/prose.py"


def check(file: Path, text: str) -> list[str]:
    """Return `LINE: phrase` for everything that the tool reports about *text* in *file*."""
    file.write_text(text, "utf-8")
    result = subprocess.run([sys.executable, str(PROSE), str(file)], capture_output=True, text=True, check=False)
    assert result.returncode == bool(result.stdout), result.stderr
    return re.findall(rf"^{re.escape(str(file))}:(\d+: .*?)(?: ->|$)", result.stdout, re.MULTILINE)


def test_comments_strings_and_names_of_tests_are_checked_across_lines(tmp_path):
    text = '''"""What it does."""
whom = obey(1)  # a comment is
# told
def test_what_is_wrong(): ...
print("it ends by "
      f"itself, {x} in " rb"words", 'no', "hinder")
leave(\'\'\'it alone\'\'\', "recieve")
'''
    assert check(tmp_path / "code.py", text) == [
        '1: """What',
        "2: is told",
        "4: test what",
        "5: by itself",
        "6: in words",
        "6: hinder",
        "7: alone",
        "7: recieve",
    ]


def test_code_in_markdown_is_not_checked(tmp_path):
    text = "# Obey whom\n\nWhom `whom` [trust](whom.md)\n\n```\nwhom\n```\n\n## What is it?\n\nLeave it alone.\n"
    assert check(tmp_path / "page.md", text) == ["1: Obey", "1: whom", "3: Whom", "9: ## What"]


def test_proselint_and_codespell_are_asked_too(tmp_path):
    problems = check(tmp_path / "page.md", "# Words\n\nIrregardless of teh rest.\n")
    assert any("(nonwords)" in problem for problem in problems)
    assert "3: teh" in problems
