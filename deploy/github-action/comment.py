"""
Write the plan as a comment on the pull request, or replace the comment of an earlier run.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

MAX_PLAN = 60_000  # characters; GitHub's limit for a comment is 65,536
PAGE = 100
TIMEOUT = 30.0  # seconds


def main() -> None:
    """Write the comment. The environment says where, and with which token."""
    environment = os.environ
    api = f"{environment['GITHUB_API_URL']}/repos/{environment['GITHUB_REPOSITORY']}/issues"
    mark = f"<!-- holdfast plan {environment.get('LABEL', '')} -->"
    body = {"body": f"{mark}\n{describe(Path(environment['PLAN_TEXT']).read_text('utf-8'))}"}
    try:
        comment = _find(f"{api}/{environment['NUMBER']}/comments", mark)
        if comment is None:
            _send("POST", f"{api}/{environment['NUMBER']}/comments", body)
        else:
            _send("PATCH", f"{api}/comments/{comment}", body)
    except (urllib.error.URLError, TimeoutError) as error:
        # The plan is in the log, too, so a missing permission doesn't stop the pipeline.
        print(f"::warning::The plan could not be written as a comment ({error}). Add pull-requests: write.")


def describe(plan: str) -> str:
    """Return Markdown with the plan. It quotes texts of others, which must not end the block."""
    longest = max(map(len, re.findall("`+", plan)), default=0)
    fence = "`" * max(3, longest + 1)
    if len(plan) > MAX_PLAN:
        plan = f"{plan[:MAX_PLAN]}\n... The log of the run has the whole plan."
    return f"### Holdfast plan\n\n{fence}diff\n{plan.rstrip()}\n{fence}\n"


def _find(url: str, mark: str) -> int | None:
    number = 1
    while comments := _send("GET", f"{url}?per_page={PAGE}&page={number}"):
        for comment in comments:
            if comment["body"].startswith(mark) and comment["user"]["type"] == "Bot":
                return int(comment["id"])
        number += 1
    return None


def _send(method: str, url: str, body: dict[str, str] | None = None) -> Any:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
        "Content-Type": "application/json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the runner's own URL
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main())
