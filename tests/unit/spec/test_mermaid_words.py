"""A service may be called as a word of Mermaid, which would end or break a flowchart as a node id."""

from testbed.spec.graph import mermaid
from testbed.spec.topology import Topology


def test_a_word_of_mermaid_is_no_node_id():
    services = {"end": {"language": "go", "calls": ["style"]}, "style": {"language": "go"}}
    drawn = mermaid(Topology.model_validate({"name": "t", "entry": "end", "services": services})).splitlines()
    assert '  end_["end (go)"]' in drawn
    assert [line for line in drawn if line.split()[0] in ("end", "style") or line.split()[-1] in ("end", "style")] == []
