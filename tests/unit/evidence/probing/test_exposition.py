import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as official

from testbed.evidence.probing.exposition import NoValue, metric, query_result, samples

PAGE = r"""# HELP pool_idle Idle connections.
# TYPE pool_idle gauge
pool_idle{pool="main",host="a"} 4
pool_idle{pool="main", host="b"} 3 1700000000000
pool_idle{pool="a \"quoted\" \\ } brace"} 7
pool_idle_max 9
queue_depth 12.5
spaced {a = "b"} 5
http_seconds_bucket{le="+Inf"} 1.1e+03
"""


def test_a_sample_is_found_by_name_and_labels():
    assert metric(PAGE, "queue_depth", {}) == 12.5
    assert metric(PAGE, "pool_idle", {"host": "b"}) == 3
    assert metric(PAGE, "pool_idle", {"pool": 'a "quoted" \\ } brace'}) == 7
    assert metric(PAGE, "http_seconds_bucket", {"le": "+Inf"}) == 1100


def test_a_longer_name_is_another_name():
    assert metric(PAGE, "pool_idle_max", {}) == 9
    assert len(list(samples(PAGE, "pool_idle"))) == 3
    with pytest.raises(NoValue, match="no sample pool"):
        metric(PAGE, "pool", {})


def test_several_samples_are_added_only_when_told():
    assert metric(PAGE, "pool_idle", {"pool": "main"}, add_up=True) == 7
    with pytest.raises(NoValue, match=r'2 samples match pool_idle\{pool="main"\} .*: give more labels, or add_up=True'):
        metric(PAGE, "pool_idle", {"pool": "main"})


def test_no_sample_names_what_was_wanted():
    with pytest.raises(NoValue, match=r'no sample pool_idle\{host="c"\}'):
        metric(PAGE, "pool_idle", {"host": "c"})


def test_a_value_that_is_no_number_is_refused():
    with pytest.raises(NoValue, match="not a sample of Prometheus: 'queue_depth twelve'"):
        metric("queue_depth twelve\n", "queue_depth", {})


@pytest.mark.parametrize("name", ["pool_idle", "pool_idle_max", "queue_depth", "spaced", "http_seconds_bucket"])
def test_it_reads_what_the_official_parser_reads(name):
    theirs = [(s.labels, s.value) for family in official(PAGE) for s in family.samples if s.name == name]
    assert list(samples(PAGE, name)) == theirs


LABEL = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.just("\n"), max_size=12)


@given(st.dictionaries(st.sampled_from(["a", "le", "pool_name"]), LABEL, max_size=3), st.floats(allow_nan=False))
def test_any_label_value_is_read_as_the_official_parser_reads_it(labels, value):
    escaped = {k: v.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"") for k, v in labels.items()}
    inside = ",".join(f'{key}="{text}"' for key, text in escaped.items())
    page = f"# TYPE queue gauge\nqueue{{{inside}}} {value}\n"
    (family,) = official(page)
    assert [(s.labels, s.value) for s in family.samples] == list(samples(page, "queue")) == [(labels, value)]


def answer(kind, result):
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}})


def test_a_query_gives_one_number():
    assert query_result(answer("scalar", [1700000000, "2.5"])) == 2.5
    assert query_result(answer("vector", [{"metric": {}, "value": [1700000000, "3"]}])) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (answer("vector", []), "the query gives 0 series"),
        (answer("vector", [{"value": [0, "1"]}, {"value": [0, "2"]}]), r"gives 2 series.*aggregate them, as in sum"),
        (json.dumps({"status": "error", "error": "parse error: x"}), "parse error: x"),
        ("<html>", "not an answer of Prometheus: '<html>'"),
        ("[]", "not an answer of Prometheus"),
    ],
)
def test_any_other_answer_says_why_it_is_none(text, why):
    with pytest.raises(NoValue, match=why):
        query_result(text)
