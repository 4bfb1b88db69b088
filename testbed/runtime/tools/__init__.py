"""The programs that the testbed needs: how they are found, built and installed."""
