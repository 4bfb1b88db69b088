"""An arrival with the id of an unknown fault: somebody else has set a rule."""

import pytest

from testbed.errors import TestbedError
from testbed.experiment.foreign import refuse_foreign
from testbed.history.events import Arrival

PLAIN, FAULTED, TWICE = (
    Arrival("r", "a -> b", "a-1", "b-1", 1, 1.0, 2.0, 200, fault=fault) for fault in ("", "f7", "f7,f8")
)


def test_ids_of_this_run_and_none_pass():
    refuse_foreign([PLAIN, FAULTED, TWICE, "other evidence"], {"f7", "f8"})


def test_an_unknown_id_is_an_error():
    with pytest.raises(TestbedError, match=r"a fault that this run did not set \(f7\)"):
        refuse_foreign([PLAIN, FAULTED, TWICE], {"f8"})
