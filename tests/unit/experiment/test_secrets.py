"""Secrets of a topology are in no text that leaves: its record, its plan, messages, records of what happened."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.errors import NotContained, TestbedError
from testbed.experiment.launch import keep_secret
from testbed.experiment.planning import plan_for
from testbed.history.events import AnswerBody, Evidence, ProbeReading, ProcessEvent
from testbed.history.private import without_credentials
from testbed.masking.known import KNOWN
from testbed.plan.describe import as_data, as_text
from testbed.plan.values import AddressSpace
from testbed.runtime.folder import scrub
from testbed.spec.topology import Topology

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$*+-.~_"
SECRET = st.text(ALPHABET, min_size=8, max_size=24).map("Zq7{}9".format)  # never a part of another text
NAMES = ("password", "key", "dsn", "login", "in_env", "option", "assigned", "query")


def topology(of: dict[str, str]) -> Topology:
    """A service with a secret in every place."""
    env = {"DB_PASSWORD": of["password"], "STRIPE_KEY": of["key"], "DSN": of["dsn"]}
    env["DATABASE_URL"] = f"postgres://ann:{of['in_env']}@db/shop"
    command = ["app", "--api-key", of["option"], f"TOKEN={of['assigned']}", f"https://{of['login']}@b/"]
    service = {"command": command, "env": env, "ready": {"http": f"/up?token={of['query']}"}}
    return Topology.model_validate({"name": "t", "entry": "shop", "services": {"shop": service}})


def left_in(text: str, secrets: dict[str, str]) -> list[str]:
    return [name for name, value in secrets.items() if value in text]


@settings(deadline=None)  # a shared machine may be slow
@given(st.fixed_dictionaries(dict.fromkeys(NAMES, SECRET)))
def test_no_secret_is_in_a_text_that_leaves(secrets):
    KNOWN.__init__()
    made = topology(secrets)
    keep_secret(made)
    plan = plan_for(made, AddressSpace("127.50"))
    said = " and ".join(value for name, value in secrets.items() if name != "query")
    events = [
        ProcessEvent(1.0, "shop-1/app", "died", said),
        Evidence("arrivals", False, said),
        ProbeReading(1.0, "p", 1.0, text=said, error=said),
        AnswerBody("d", 1, json.dumps({"said": said})),
    ]
    texts = [json.dumps(made.recorded()), as_text(plan), *(str(without_credentials(event)) for event in events)]
    texts += [str(TestbedError(said)), str(NotContained(said)), str(TestbedError(f"GET /up?token={secrets['query']}"))]
    texts.append(json.dumps(as_data(plan)))
    assert [left_in(text, secrets) for text in texts] == [[]] * len(texts)
    assert Topology.model_validate(made.recorded()).services["shop"].env.keys() == made.services["shop"].env.keys()


def test_a_folder_that_is_kept_has_no_secret_in_any_file(tmp_path):
    secrets = {name: f"Zq7-of-{name}-1234" for name in NAMES}
    keep_secret(topology(secrets))
    (tmp_path / "tmp").mkdir()
    said = " ".join(secrets[name] for name in NAMES if name != "query")
    (tmp_path / "app.log").write_bytes(
        f"{said}\r\n GET /a?token={secrets['query']}&to=oslo\u2028".encode() + b"\xff\x00\n\nend"
    )
    (tmp_path / "tmp" / "config.json").write_text(json.dumps({"authorization": "Bearer Zq7abcdefghij", "said": said}))
    (tmp_path / "outside").symlink_to("/etc/hostname")
    scrub(tmp_path)
    log, config = (tmp_path / "app.log").read_bytes(), (tmp_path / "tmp" / "config.json").read_text()
    assert b"Zq7" not in log
    assert log.endswith(b"\xff\x00\n\nend")
    assert b"***\r\n GET /a?token=***&to=~" in log
    assert json.loads(config)["authorization"] == "***"
    assert "Zq7" not in config
    assert (tmp_path / "outside").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["app.log", "outside", "tmp"]
