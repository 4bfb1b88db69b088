"""What the tests of every folder share, and where things are."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
MESHES = TESTS / "e2e"  # topologies of the end-to-end tests
PROGRAMS = TESTS / "kit/programs"  # what tests start as processes of their own
