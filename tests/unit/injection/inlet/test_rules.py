import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import FaultError, TestbedError
from testbed.faults.operations import Rule, Scope
from testbed.injection.inlet.rules import decode, encode

INLET = "127.50.4.2:20003"

names = st.text("abcXYZ019._-", min_size=1, max_size=12)
scopes = st.builds(
    Scope,
    users=st.none() | st.frozensets(names, max_size=4),
    cohort=st.none() | names,
    requests=st.none() | st.floats(0, 1),
    attempts=st.none() | st.frozensets(st.integers(1, 99), max_size=4),
    seed=st.integers(-(2**70), 2**70),
)
inlets = st.integers(1, 254).map(lambda n: f"127.50.4.{n}:20003")
delays = st.integers(1, 3_600_000).map(float)
rules = st.builds(
    Rule,
    fault=names,
    inlets=st.lists(inlets, min_size=1, max_size=3, unique=True).map(lambda some: tuple(sorted(some))),
    abort=st.integers(200, 599),
    delay_ms=st.none() | delays,
    kb_per_s=st.none() | st.integers(1, 10_000_000),
    scope=scopes,
)


@settings(deadline=None)  # a shared machine may be slow
@given(st.lists(rules, max_size=4))
def test_what_is_encoded_is_decoded(some: list[Rule]) -> None:
    assert decode(encode(some)) == tuple(some)


def test_a_line_reads_as_documented() -> None:
    scope = Scope(users=frozenset({"u2", "u1"}), cohort="trondheim", requests=0.25, attempts=frozenset({2, 1}), seed=7)
    line = encode([Rule("f1", (INLET,), abort=503, delay_ms=20.0, kb_per_s=8, scope=scope)])
    assert line == f"f1\t{INLET}\t503\t20\t8\tu1,u2\ttrondheim\t0.25\t1,2\t7\n"


def test_a_grpc_status_takes_the_place_of_the_status() -> None:
    rule = Rule("f1", (INLET,), grpc_status=14, delay_ms=5.0)
    assert encode([rule]) == f"f1\t{INLET}\tgrpc-14\t5\t*\t*\t*\t*\t*\t0\n"
    assert decode(encode([rule])) == (rule,)


def test_an_empty_set_of_users_is_not_all_users() -> None:
    everybody = Rule("f1", (INLET,), abort=503)
    nobody = Rule("f1", (INLET,), abort=503, scope=Scope(users=frozenset()))
    assert encode([everybody]) != encode([nobody])
    assert decode(encode([nobody]))[0].scope.users == frozenset()


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        pytest.param(Rule("f 1", (INLET,), abort=503), "'f 1'", id="fault"),
        pytest.param(Rule("f1", (INLET,), abort=503, scope=Scope(users=frozenset({"a,b"}))), "'a,b'", id="user"),
        pytest.param(Rule("f1", (INLET,), abort=503, scope=Scope(cohort="*")), "'\\*'", id="cohort"),
        pytest.param(Rule("f1", ("pricing:80",), abort=503), "pricing:80", id="inlet"),
        pytest.param(Rule("f1", (), abort=503), "no inlet", id="no inlet"),
        pytest.param(Rule("f1", (INLET,)), "neither", id="nothing to do"),
        pytest.param(Rule("f1", (INLET,), abort=99), "200 to 599", id="status too low"),
        pytest.param(Rule("f1", (INLET,), grpc_status=0), "1 to 16", id="no error"),
        pytest.param(Rule("f1", (INLET,), grpc_status=17), "1 to 16", id="no gRPC status"),
        pytest.param(Rule("f1", (INLET,), abort=503, grpc_status=14), "two statuses", id="two statuses"),
        pytest.param(Rule("f1", (INLET,), abort=600), "200 to 599", id="status too high"),
        pytest.param(Rule("f1", (INLET,), delay_ms=0.5), "whole milliseconds", id="half a millisecond"),
        pytest.param(Rule("f1", (INLET,), delay_ms=-1), "whole milliseconds", id="less than no delay"),
        pytest.param(Rule("f1", (INLET,), delay_ms=float("nan")), "whole milliseconds", id="nan"),
        pytest.param(Rule("f1", (INLET,), kb_per_s=0), "from 1 to 10000000, not 0", id="no rate"),
        pytest.param(Rule("f1", (INLET,), kb_per_s=1.5), "not 1.5", id="half a rate"),  # type: ignore[arg-type]
        pytest.param(Rule("f1", (INLET,), abort=503, scope=Scope(requests=1.5)), "0 to 1", id="share"),
        pytest.param(Rule("f1", (INLET,), abort=503, scope=Scope(attempts=frozenset({0}))), "from 1", id="attempt"),
    ],
)
def test_what_the_inlet_cannot_do_is_refused(rule: Rule, says: str) -> None:
    with pytest.raises(FaultError, match=says):
        encode([rule])


@pytest.mark.parametrize("text", ["nonsense", "a\tb\tc\td\te\tf\tg\th\ti", "f1\t\tx\t*\t*\t*\t*\t*\t0"])
def test_other_text_is_no_rule(text: str) -> None:
    with pytest.raises(TestbedError, match="not a set of inlet rules"):
        decode(text)
