"""A failing test shows the user's line and the message, and none of our own lines; other errors show everything."""

SOURCE = """
    import testbed

    def test_in_setup(typo): pass

    def test_in_a_with_block():
        with testbed.start("typo.yaml"):
            pass

    def test_other():
        testbed.start(5).__enter__()
"""
OURS = "start.py:"  # where a mesh is started


def test_our_errors_end_in_the_users_line(run, project):
    (project.path / "typo.yaml").write_text((project.path / "mesh.yaml").read_text().replace("calls", "cals"))
    project.makeconftest("from testbed import topology\ntypo = topology('typo.yaml')\n")
    result = run(SOURCE)
    result.assert_outcomes(failed=2, errors=1)
    setup, ours, other = sections(result.stdout.str(), "test_in_setup", "test_in_a_with_block", "test_other")
    for shown in (setup, ours):
        assert "typo.yaml:4: services.front.cals: unknown key (did you mean 'calls'?)" in shown
        assert OURS not in shown
        assert "contextlib" not in shown
    assert ">       with testbed.start(" in ours
    assert OURS in other
    assert OURS in run(SOURCE, "--full-trace", "-k", "in_a_with").stdout.str()


def sections(text: str, *tests: str) -> list[str]:
    """What pytest says of each of these tests, which it says in this order."""
    starts = [text.index(f" {test} _") for test in tests]
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
