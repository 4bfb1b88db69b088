"""The command line: examine topologies and the machine, and run campaigns."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from testbed.errors import TestbedError, visible

P = ParamSpec("P")


@click.group()
@click.version_option(package_name="pytest-testbed")
def main() -> None:
    """A chaos and fault-injection testbed for meshed services: real proxies, real faults, one pytest run."""


def _without_traceback(command: Callable[P, None]) -> Callable[P, None]:
    """Print a `TestbedError` as one message, without a traceback, and exit with 2."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except TestbedError as error:
            click.echo(str(error), err=True)
            sys.exit(2)

    return run


FIRST_RUN = "The first run builds Toxiproxy and three small Go programs (about half a minute, only once)."


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("tests/resilience"))
@click.option("--entry", prompt="Name of the service that users call", default="web", show_default=True)
@click.option("--command", prompt="Its start command (empty: use a stub)", default="", show_default=False)
@click.option("--calls", prompt="Services that it calls (comma-separated)", default="pricing", show_default=True)
@click.option("--path", default="/", show_default=True, help="The path of the requests.")
@_without_traceback
def init(folder: Path, entry: str, command: str, calls: str, path: str) -> None:
    """Write a topology, its fixture and a first passing scenario into FOLDER (default: tests/resilience).

    Asks three questions, unless the options answer them. Overwrites no files. The start command runs in the current
    folder.
    """
    from os.path import relpath

    from testbed.frontends.cli.scaffold import Answers, files, write
    from testbed.runtime.tools.binaries import locate

    names = [name.strip() for name in calls.split(",")]
    answers = Answers(entry.strip(), command.strip(), names, path, workdir=relpath(Path.cwd(), folder))
    for written in write(folder, files(answers)):
        click.echo(f"wrote {written}")
    if not all(map(locate, ("toxiproxy", "stub-go", "load"))):
        click.echo(FIRST_RUN)
    click.echo(f"Next: pytest {folder}")


TOPOLOGY = click.argument("file", type=click.Path(path_type=Path))


@main.command()
@click.option("--markdown", is_flag=True, help="Print all keys as Markdown tables.")
@_without_traceback
def schema(markdown: bool) -> None:
    """Print the JSON Schema of topology files, for editors."""
    from testbed.spec.schema import reference
    from testbed.spec.schema import schema as build

    click.echo(reference(build()) if markdown else json.dumps(build(), indent=2))


@main.command()
@TOPOLOGY
@click.option("--json", "as_json", is_flag=True, help="Print the whole plan as JSON: every process, file and link.")
@_without_traceback
def plan(file: Path, as_json: bool) -> None:
    """Print the processes, edges and warnings of FILE without starting anything."""
    from testbed.experiment.planning import plan_for
    from testbed.plan.describe import as_data, as_text
    from testbed.plan.values import AddressSpace
    from testbed.runtime.process.wildcard_ports import with_namespaces
    from testbed.spec.load import load_topology

    topology = load_topology(file)
    made = plan_for(topology, with_namespaces(AddressSpace("127.50"), topology))
    click.echo(json.dumps(as_data(made), indent=2) if as_json else visible(as_text(made)))


@main.command()
@TOPOLOGY
@click.option("--mermaid", is_flag=True, help="Print only Mermaid, to paste into Markdown.")
@click.option("--tree", "only_tree", is_flag=True, help="Print only the tree.")
@_without_traceback
def graph(file: Path, mermaid: bool, only_tree: bool) -> None:
    """Print the service graph of FILE as a tree and as Mermaid."""
    from testbed.spec import graph as drawing
    from testbed.spec.load import load_topology

    topology = load_topology(file)
    if not mermaid:
        click.echo(drawing.tree(topology))
    if not mermaid and not only_tree:
        click.echo("\nMermaid, to paste into Markdown:\n")
    if not only_tree:
        click.echo(drawing.mermaid(topology))


@main.command()
@_without_traceback
@click.option("--versions", is_flag=True, help="Print every version and its SHA-256 instead.")
def doctor(versions: bool) -> None:
    """Print which tools are installed, which are missing, and how to get them."""
    if versions:
        from testbed.frontends.cli import versions as every

        click.echo(every.render(every.versions()))
        return
    from testbed.frontends.cli.doctor import examine, render

    findings = examine()
    click.echo(render(findings))
    sys.exit(0 if all(finding.ok for finding in findings) else 1)


@main.command()
@click.option(
    "--install",
    is_flag=True,
    help="Install the missing tools: Debian packages (as root), then the base image of containers.",
)
def tools(install: bool) -> None:
    """Print the missing optional tools, what needs each, and how to install them."""
    from testbed.runtime.docker.images import build as build_image
    from testbed.runtime.tools import installing

    try:
        if install:
            installing.install(lambda text: click.echo(text, err=True), build_image)
        click.echo("\n".join(installing.lines()))
    except TestbedError as error:
        click.echo(str(error), err=True)
        sys.exit(1)


@main.command()
@_without_traceback
def support() -> None:
    """Print the targets of every fault and the support of every check, for each mesh and each protocol.

    Third-party faults and checks are at the end, with their distribution. "?" means that no valid example is known.
    """
    from testbed.frontends.cli import protocol_support
    from testbed.frontends.cli.support import LEGEND, checks, faults, table
    from testbed.frontends.extensions import offered

    more_faults, more_checks = offered("fault"), offered("check")
    click.echo(f"{table(faults(more_faults))}\n\n{table(checks(more_checks))}\n")
    by_protocol = f"{table(protocol_support.faults(more_faults))}\n\n{table(protocol_support.checks(more_checks))}"
    click.echo(f"by protocol of the edge\n\n{by_protocol}\n\n{LEGEND}")


@main.command()
@_without_traceback
def setup() -> None:
    """Build Toxiproxy and the Go programs now, with progress, so that the first run need not."""
    from testbed.runtime.tools.bar import Bar, Piece
    from testbed.runtime.tools.binaries import TOOLS, build, find

    go = Piece()
    with Bar(go.state) as bar:
        build(bar.say, go.at)
    for tool in TOOLS:
        find(tool)
    click.echo("ready: all binaries are installed")


ARGS = click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGUMENTS]...")
PASSES_ON = {"ignore_unknown_options": True}


@main.command(context_settings=PASSES_ON)
@ARGS
@click.option(
    "--json", "path", type=click.Path(path_type=Path, dir_okay=False), help="Write the results as JSON, for CI."
)
@_without_traceback
def calibrate(args: tuple[str, ...], path: Path | None) -> None:
    """Check that scenarios are sensitive to policies: run them as written, without fault, and without policies.

    Accepts the arguments of pytest (files, -k, -n 2, ...). Exits with 1 if a scenario proves nothing.
    """
    from shutil import get_terminal_size

    from testbed.campaigns.calibrate.calibrate import as_data, is_calibrated
    from testbed.campaigns.calibrate.calibrate import calibrate as run
    from testbed.campaigns.calibrate.table import table

    judgements = run(args, say=lambda text: click.echo(text, err=True))
    click.echo(table(judgements, width=get_terminal_size((120, 0)).columns, colour=sys.stdout.isatty()))
    if path is not None:
        path.write_text(json.dumps(as_data(judgements), indent=2) + "\n")
    sys.exit(0 if is_calibrated(judgements) else 1)


@main.command(context_settings=PASSES_ON)
@ARGS
@click.option("--times", type=click.IntRange(min=2), default=50, show_default=True, help="The number of rounds.")
@click.option("--seed", type=int, help="The seed of the rounds, to reproduce a soak.")
@click.option("--strict", is_flag=True, help="Count every round, even if the machine was saturated.")
@_without_traceback
def soak(args: tuple[str, ...], times: int, seed: int | None, strict: bool) -> None:
    """Run your scenarios many times with different orders and seeds. No verdict may change.

    Accepts the arguments of pytest. Exits with 1 if a verdict differs from the first round or a test fails. A round
    that differs only in tests during which the machine was saturated is reported, not counted and repeated.
    """
    from testbed.campaigns.soak import soak as run

    sys.exit(0 if run(args, times, lambda text: click.echo(visible(text)), seed, strict) else 1)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON: each process, group and folder.")
@_without_traceback
def ps(as_json: bool) -> None:
    """List running meshes, and orphans (resources of runs with a dead owner)."""
    from shutil import get_terminal_size

    from testbed.frontends.cli import runs_table
    from testbed.runtime.orphans.found import look, runs

    present = runs(look())
    width = get_terminal_size((120, 0)).columns
    text = runs_table.table(present, width=width, colour=sys.stdout.isatty())
    click.echo(json.dumps(runs_table.as_data(present), indent=2) if as_json else text)


@main.command()
@click.argument("names", nargs=-1, metavar="[RUN]...")
@click.option("--all", "everything", is_flag=True, help="Also end all running runs.")
@click.option("--timeout", type=float, default=15, show_default=True, help="Seconds until an owner is killed.")
@_without_traceback
def down(names: tuple[str, ...], everything: bool, timeout: float) -> None:
    """Remove orphans. With RUN, end that run; with --all, end all runs.

    Sends SIGTERM to the owner of a run (like Ctrl-C), and kills it after the timeout. Exits with 1 if something
    remains.
    """
    from testbed.runtime.orphans.down import down as end

    sys.exit(0 if end(names, everything, click.echo, timeout) else 1)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@_without_traceback
def sandbox(command: tuple[str, ...]) -> None:
    """Run COMMAND (`testbed sandbox -- pytest ...`) in a private network, where packet faults need no root."""
    from testbed.runtime.sandbox import enter

    enter(command)


@main.group()
def images() -> None:
    """The base image for --testbed-runtime=docker, in which programs of this machine run."""


@images.command()
@_without_traceback
def build() -> None:
    """Build the base image from Debian packages with mmdebstrap, without a registry."""
    from testbed.runtime.docker.images import build as make

    make(lambda text: click.echo(text, err=True))
