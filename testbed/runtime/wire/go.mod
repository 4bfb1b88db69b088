module testbed.invalid/wire

go 1.24
