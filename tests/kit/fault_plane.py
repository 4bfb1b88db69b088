"""An injector whose planes write down what they are told, and do as they are told or fail."""

from testbed.errors import TestbedError, Unsupported
from testbed.injection.injector import Injector


class Plane:
    """Stands for all three controls and writes down what it is told; `fails` names what it refuses."""

    def __init__(self, fails=(), lacks=()):
        self.done, self.fails, self.lacks = [], fails, lacks
        self.wire = Wire(self)

    def _do(self, *what):
        if what[0] in self.fails:
            raise TestbedError(f"cannot {what[0]}")
        self.done.append(what)

    def ready(self, ops):
        if ops and "links" in self.fails:
            raise Unsupported("no way into the network of the links")

    def apply(self, op):
        self._do("apply", op.link)

    def undo(self, op):
        self._do("undo", op.link)

    def set(self, rules):
        self._do("rules", *(rule.fault for rule in rules))

    def kill(self, name):
        self._do("kill", name)

    def pause(self, name):
        self._do("pause", name)

    def resume(self, name):
        self._do("resume", name)

    def restart(self, name):
        self._do("restart", name)

    def terminate(self, name, within_s):
        self._do("terminate", name, within_s)

    def throttle(self, name, share):
        self._do("throttle", name, share)

    def unthrottle(self, name):
        self._do("unthrottle", name)

    def confine(self, name, mb):
        self._do("confine", name, mb)

    def cannot(self, action):
        return "this machine has no brakes" if action in self.lacks else ""


class Wire:
    """Stands for the kernel: every packet fault hits seven packets."""

    def __init__(self, plane):
        self.plane = plane

    def ready(self, operations):
        if operations:
            self.plane._do("ready")

    def caveat(self, operations):
        return " (roughly)" if operations else ""

    def apply(self, operations):
        self.plane._do("drop", *(op.link for op in operations))

    def seen(self, operations):
        return 7

    def undo(self, operations):
        self.plane._do("let through", *(op.link for op in operations))


def injector(plane, dry=False):
    return Injector(plane, plane, plane, plane.wire, dry=dry)
