"""The statuses of gRPC, beside grpcio's own and beside each other."""

import grpc
import pytest

from testbed.spec.grpc_status import HTTP, NAMES, OF_HTTP, as_http, name_of, nearest_to, number


def test_names_and_numbers_are_those_of_grpcio() -> None:
    assert {name: number(name) for name in NAMES} == {code.name: code.value[0] for code in grpc.StatusCode}
    assert [name_of(at) for at in range(len(NAMES))] == list(NAMES)
    assert (name_of(17), name_of(-1)) == ("17", "-1")


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="did you mean 'UNAVAILABLE'"):
        number("unavailable")
    with pytest.raises(ValueError, match=r"valid: .*UNAVAILABLE"):
        number("7")


def test_every_status_has_an_http_status_that_leads_back_to_one_with_the_same() -> None:
    assert len(HTTP) == len(NAMES)
    assert {http: as_http(OF_HTTP[http]) for http in OF_HTTP if http != 502} == {h: h for h in OF_HTTP if h != 502}
    assert (OF_HTTP[502], as_http(OF_HTTP[502])) == (number("UNAVAILABLE"), 503)  # a gateway's error is one of these
    assert {http for http in HTTP if http >= 400} <= OF_HTTP.keys()
    assert (as_http(17), as_http(-1)) == (500, 500)


def test_the_nearest_name_to_an_http_error() -> None:
    """The same as in a stub's answer: 409 and 500 have several."""
    names = [nearest_to(http) for http in (404, 429, 503, 409, 500, 418)]
    assert names == ["NOT_FOUND", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "ABORTED", "INTERNAL", "UNKNOWN"]
