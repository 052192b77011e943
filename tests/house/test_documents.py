"""What README and docs promise exists: files, commands, options, targets, Python."""

import ast
import re
import shlex

import pytest
import typer

from agent.cli import app
from tests.house.repository import MAY_IMPORT, ROOT, own_files, python_files, relative, tree
from tests.house.snippets import blocks

PAGES = [path for path in own_files() if path.suffix == ".md"]


def commands(page, program):
    """Yield the command lines of a page that begin with a program, in blocks and in running text."""
    lines = [line.partition("#")[0].strip() for body in blocks(page, "bash") for line in body.splitlines()]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    parts += re.findall(rf"`({program} [^`…]+)`", page.read_text("utf-8"))
    return [shlex.split(part) for part in parts if part.split()[:1] == [program]]


def refuse_unknown(arguments):
    """Walk the command tree; fail at a command or option that does not exist."""
    command = typer.main.get_command(app)
    for word in arguments:
        children = getattr(command, "commands", {})
        if word in children:
            command = children[word]
        elif word.startswith("-"):
            named = [(*parameter.opts, *parameter.secondary_opts) for parameter in command.params]
            known = {option for options in named for option in options} | {"--help"}
            extra = command.context_settings.get("ignore_unknown_options", False)
            assert extra or word.partition("=")[0] in known, f"{command.name} has no {word}"
        else:
            assert not children or word == "COMMAND", f"visavis has no command {word}"


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_commands_exist(page):
    for _, *arguments in commands(page, "visavis"):
        refuse_unknown(arguments)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_make_targets_exist(page):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for _, target, *_ in commands(page, "make"):
        assert target in targets


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_python_compiles_and_its_imports_exist(page):
    for body in blocks(page, "python"):
        statements = ast.parse(body).body
        imports = [node for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), relative(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))
    local = [target.partition("#")[0] for target in targets if "://" not in target]
    assert not [target for target in local if target and not (page.parent / target).exists()]


def test_the_design_names_classes_that_exist():
    tables = [line for line in (ROOT / "docs/design.md").read_text().splitlines() if line.startswith("| `")]
    named = {name for line in tables for name in re.findall(r"`([A-Z][a-z]\w+)`", line)}
    defined = {
        node.name
        for path in python_files(*MAY_IMPORT)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    }
    assert len(named) > 10
    assert not named - defined
