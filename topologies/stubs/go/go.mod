module testbed.invalid/stub

go 1.24

require testbed.invalid/wire v0.0.0

replace testbed.invalid/wire => ../../../testbed/runtime/wire
