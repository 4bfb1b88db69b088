"""docs/your-services.md shows recipes that are run: parts of the files in examples/your-services, word for word."""

import re
from pathlib import Path

from testbed.history.instrumentation import RECIPES
from testbed.spec.load import load_topology

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/your-services.md").read_text()
EXAMPLES = ROOT / "examples/your-services"
SHOWN = re.compile(r"\(\.\./examples/your-services/([^)]+)\)[^`]*\n```\w+\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_every_client_library_is_shown_by_a_part_of_its_file():
    shown = dict(SHOWN.findall(PAGE))
    assert set(shown) == {
        *(f"{path.relative_to(EXAMPLES)}" for path in EXAMPLES.glob("*/with_*")),
        *("go/nethttp/main.go", "go/grpc/main.go"),
    }
    for name, text in shown.items():
        assert text in (EXAMPLES / name).read_text(), name


def test_every_client_library_is_in_the_topology_that_is_run_and_in_the_table():
    services = load_topology(EXAMPLES / "shop.yaml").services
    names = [name for name, service in services.items() if service.is_own]
    assert len(names) == len(SHOWN.findall(PAGE))
    rows = "".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    assert [name for name in names if f"`{name}`" not in rows] == []


def test_the_recipes_of_opentelemetry_are_shown_as_they_are_told():
    assert [line for text in RECIPES.values() for line in text.splitlines() if line not in PAGE] == []


def test_the_recipe_in_go_is_the_code_that_is_run():
    code = (EXAMPLES / "go/otel/main.go").read_text()
    first, second = RECIPES["Go"].splitlines()
    assert first in code
    calls = re.findall(r"otelhttp\.New\w+\(", second)
    assert len(calls) == 2
    assert [call for call in calls if call not in code] == []
