"""The programs that the testbed needs: which, where they are, and how they are built or installed."""
