"""Systems with a planted fault and their sound twins: red for the right reason, and green where it should be."""

from pathlib import Path

HERE = Path(__file__).parent
