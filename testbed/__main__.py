"""`python -m testbed`: the command line, where its script is not on PATH."""

from testbed.frontends.cli.main import main

if __name__ == "__main__":
    main(prog_name="testbed")
