"""The pages about production: what they tell people to type fits the files in this repository."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deploy.containers import Container

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
CHART = ROOT / "deploy/helm/holdfast"


def page(name: str) -> str:
    return (ROOT / f"docs/how-to/{name}.md").read_text("utf-8")


def commands(name: str, program: str) -> list[list[str]]:
    """Return the commands with *program* in code on a page, as words."""
    text = page(name).replace("\\\n", " ")
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    lines += [re.sub(r"\s+", " ", code) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", text)]
    return [shlex.split(line) for line in lines if line.startswith(f"{program} ")]


def test_the_variables_of_two_machines_are_settings():
    lines = re.findall(r"^ *(HOLDFAST_\w+)=(\S+)$", page("production-two-machines"), re.MULTILINE)
    assert len(lines) > 8
    Container(("up", "--without-gateway"), dict(lines)).check()
    assert "HOLDFAST_JOIN_URL=https://" in page("production-two-machines")


@pytest.mark.parametrize("name", ["production-one-machine", "upgrade", "install"])
def test_containers_that_pages_name_exist(name):
    files = {"compose.single.yaml": yaml.safe_load((ROOT / "compose.single.yaml").read_text("utf-8"))["services"]}
    command_lines = commands(name, "docker compose")
    assert command_lines
    for words in command_lines:
        services = files[words[3]] if words[2] == "-f" else COMPOSE["services"]
        arguments = [word for word in words[4 if words[2] == "-f" else 2 :] if not word.startswith("-")]
        names = {"run", "exec", "kill", "restart", "up"} & {arguments[0]} and arguments[
            1 : 2 if arguments[0] in {"run", "exec"} else None
        ]
        assert set(names or ()) - {"NAME"} <= set(services), words


def test_the_files_of_systemd_that_pages_name_exist():
    text = page("production-two-machines") + page("install") + page("production-kubernetes") + page("load-balancer")
    files = set(re.findall(r"(?<!exec )\bdeploy/[\w./-]+\w", text))
    assert len(files) > 5
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_the_secrets_that_people_create_are_those_of_the_chart():
    keys_by_secret = {
        words[words.index("generic") + 1]: {
            word.split("=")[1] for word in words if word.startswith(("--from-file=", "--from-literal="))
        }
        for words in commands("production-kubernetes", "kubectl")
        if "secret" in words
    }
    assert keys_by_secret["holdfast-tls"] == {"tls.crt", "tls.key", "ca.crt"}
    values = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    assert {values["secrets"]["name"], values["secrets"]["tls"]} == set(keys_by_secret)
    templates = "".join(path.read_text("utf-8") for path in (CHART / "templates").glob("*.yaml"))
    keys = set(re.findall(r"/secrets/([a-z-]+)\b(?!\.)", templates)) - {"ca"}
    assert keys_by_secret["holdfast"] == keys - {"oidc-client-secret"}


def test_helm_accepts_the_command_of_the_page():
    tools = ["sh", "tools/kubernetes.sh", Path(sys.executable).parents[1]]
    directory = subprocess.run(tools, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    (words,) = (words for words in commands("production-kubernetes", "helm") if words[1] == "install")
    arguments = [word for word in words[2:] if word != "--wait"]
    result = subprocess.run(
        [f"{directory}/helm", "template", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "image: registry.example/holdfast:0.1.0" in result.stdout
