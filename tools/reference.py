"""
Write the parts of the reference that follow from the code: the commands in cli.md, rest-operations.md,
and the JSON schema of configuration files.
"""

import argparse
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import typer
import typer.main

from holdfast import rest
from holdfast.cli.access.required_scopes import SCOPES
from holdfast.cli.app import app
from holdfast.cli.declaration.schema import describe_format
from holdfast.rest.prefixes import PREFIX
from holdfast.services.runtime import Runtime

REFERENCE = Path(__file__).parents[1] / "docs/reference"
COMMANDS, OPERATIONS, SCHEMA = (REFERENCE / name for name in ("cli.md", "rest-operations.md", "holdfast.schema.json"))
MARK = "<!-- tools/reference.py writes everything below: run make reference. -->\n"
INTRODUCTION = """# REST operations

Every operation of the REST API, generated from `/openapi.json`. [REST API](rest.md) explains authentication, errors,
lists, and what is compatible with WSO2; [Roles](roles.md) lists who can call what.

Paths are below `/api/am/publisher/v4`, except for `/metrics`, `/oauth2/...` and `/client-registration/...`. A `?` marks
optional parameters and fields. The publisher shows the same on the page <a href="/docs">/docs</a>, where you can try
each operation.

"""
SCOPES_OF_COMMANDS = """## Scopes of commands

The least [scopes](scopes.md) that a token needs for each command. `apply` needs less if files contain less:
`apim:api_publish` for `state` and environments, `apim:api_delete` for `--prune`, `holdfast:trust_settings` for `trust`.
For `gatewayIdentities`, it also needs `holdfast:client_certificates`. `holdfast token create NAME --for COMMAND`
creates a token with the scopes of a command.

| command | scopes |
|---|---|
"""
BAR = r"\|"  # within a table
CODE = re.compile(r"(?<![\w-])(--[a-z][a-z-]+|HOLDFAST_[A-Z_]+[A-Z](?:=\w+)?)(?![\w-])")
METHODS = ("get", "head", "post", "put", "delete")


def write_scopes() -> str:
    """Return a table of the scopes that a token needs for each command."""
    rows = [f"| `{name}` | {', '.join(f'`{scope}`' for scope in scopes)} |" for name, scopes in SCOPES.items()]
    return SCOPES_OF_COMMANDS + "\n".join(rows) + "\n"


def write_commands() -> str:
    """Return a section for each command, with its options and examples."""
    os.environ["COLUMNS"] = "120"
    root = typer.Context(typer.main.get_command(app), info_name="holdfast")
    return "## Commands\n\n" + "\n".join(_write_command(context) for context in _find_commands(root))


def _find_commands(context: typer.Context) -> Iterator[typer.Context]:
    for name, command in getattr(context.command, "commands", {}).items():
        inner = typer.Context(command, info_name=name, parent=context)
        if hasattr(command, "commands"):
            yield from _find_commands(inner)
        else:
            yield inner


def _write_command(context: typer.Context) -> str:
    command = context.command
    name = context.command_path.removeprefix("holdfast ")
    usage = command.get_usage(context).removeprefix("Usage: ")
    records = [record for parameter in command.get_params(context) if (record := parameter.get_help_record(context))]
    rows = [
        f"| `{re.sub(' <.*>$', '', names).replace('|', BAR)}` | {_write_cell(text)} |"
        for names, text in records
        if names != "--help"
    ]
    examples = re.findall(r"^  (holdfast.*)$", command.epilog or "", re.MULTILINE)
    parts = [f"### {name}\n", f"{_escape(command.help or '')}\n", f"```\n{usage}\n```\n"]
    if rows:
        parts.append("| argument or option | description |\n|---|---|\n" + "\n".join(rows) + "\n")
    if examples:
        parts.append("```\n" + "\n".join(examples) + "\n```\n")
    return "\n".join(parts)


def write_operations() -> str:
    """Return a section for each subject, with its operations."""
    description = rest.create_door(cast(Runtime, None)).openapi()  # describing it needs no runtime
    subjects = defaultdict[str, list[str]](list)
    for path, operations in description["paths"].items():
        short = path.removeprefix(PREFIX)
        subject = short.split("/")[1]
        for method in METHODS:
            if method in operations:
                subjects[subject].append(_write_operation(f"{method.upper()} {short}", operations[method], description))
    return "\n".join(f"## {subject}\n\n" + "\n".join(operations) + "\n" for subject, operations in subjects.items())


def _write_operation(title: str, operation: dict[str, Any], description: dict[str, Any]) -> str:
    text = ". ".join(text for text in (operation["summary"], operation.get("description")) if text)
    parameters = [
        f"`{parameter['name']}`" + ("" if parameter.get("required") else "?")
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    ]
    bodies = [
        _write_body(kind, content["schema"], description)
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    ]
    inputs = [f"Query: {', '.join(parameters)}"] * bool(parameters) + [f"Body: {' or '.join(bodies)}"] * bool(bodies)
    return "- " + "<br>\n  ".join([f"`{title}`", _escape(" ".join(text.split())), *inputs])


def _write_body(media_type: str, schema: dict[str, Any], description: dict[str, Any]) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    schema = description["components"]["schemas"].get(name, schema)
    required = schema.get("required", ())  # the names of members
    members = ", ".join(f"`{name}`" + ("" if name in required else "?") for name in schema.get("properties", {}))
    kind = {"application/json": "JSON", "multipart/form-data": "form"}.get(media_type, media_type)
    return f"{kind}: {members}" if members and kind != "JSON" else kind


def _write_cell(text: str) -> str:
    return _escape(" ".join(text.split())).replace("|", BAR)


def _escape(text: str) -> str:
    """Return *text* as Markdown: options and variables become code, and what already is code stays."""
    parts = text.split("`")
    parts[::2] = (CODE.sub(r"`\1`", part.replace("<", "&lt;").replace("*", "\\*")) for part in parts[::2])
    return "`".join(parts)


def main() -> None:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file would change")
    options = parser.parse_args()
    by_hand = COMMANDS.read_text("utf-8").partition(MARK)[0]
    schema = f"{json.dumps(describe_format(), indent=2)}\n"
    texts = {
        COMMANDS: f"{by_hand}{MARK}\n{write_scopes()}\n{write_commands()}",
        OPERATIONS: INTRODUCTION + write_operations(),
        SCHEMA: schema,
    }
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text("utf-8") != text]
    if options.check:
        names = ", ".join(path.name for path in stale)
        sys.exit(f"The code has changed since these were written: {names}. Run make reference." if stale else None)
    for path in stale:
        path.write_text(texts[path], "utf-8")


if __name__ == "__main__":
    main()
