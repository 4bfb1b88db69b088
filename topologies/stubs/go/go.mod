module testbed.invalid/stub

go 1.24
