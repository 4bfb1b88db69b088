"""An injector whose planes write down what they are told, and do as they are told or fail."""

from dataclasses import dataclass, field

from testbed.errors import TestbedError, Unsupported
from testbed.faults import connection_refused
from testbed.faults.operations import PacketDrop, PacketShaping
from testbed.injection.dispatch import EngineSet
from testbed.injection.engines import Engine
from testbed.injection.injector import Injector
from testbed.injection.inlet.engine import RuleEngine
from testbed.injection.processes import ProcessActions
from testbed.injection.toxiproxy.engine import LinkEngine
from testbed.runtime import Ending
from tests.kit.fault_context import CONTEXT


class Plane:
    """Stands for all three controls and writes down what it is told; `fails` names what it refuses."""

    def __init__(self, fails=(), lacks=()):
        self.done, self.fails, self.lacks = [], fails, lacks

    def do(self, *what):
        if what[0] in self.fails:
            raise TestbedError(f"cannot {what[0]}")
        self.done.append(what)

    def require(self, ops):
        if "links" in self.fails:
            raise Unsupported("no way into the network of the links")

    def apply(self, op):
        self.do("apply", op.link)

    def undo(self, op):
        self.do("undo", op.link)

    def set(self, rules):
        self.do("rules", *(rule.fault for rule in rules))

    def rules(self):
        return None

    def foreign(self, ops):
        return []

    def kill(self, name):
        self.do("kill", name)

    def pause(self, name):
        self.do("pause", name)

    def resume(self, name):
        self.do("resume", name)

    def restart(self, name):
        self.do("restart", name)

    def terminate(self, name, within_s, drain):
        self.do("terminate", name, within_s, drain)
        return Ending(12.0, 12.5, "ended", "0.5 s after SIGTERM")

    def throttle(self, name, share):
        self.do("throttle", name, share)

    def unthrottle(self, name):
        self.do("unthrottle", name)

    def confine(self, name, mb):
        self.do("confine", name, mb)

    def cannot(self, action):
        return "this machine has no brakes" if action in self.lacks else ""


class Packets(Engine):
    """Stands for the kernel: every packet fault hits seven packets."""

    handles = (PacketDrop, PacketShaping)

    def __init__(self, plane):
        self.plane = plane

    def require(self, operations, *, dry):
        if not dry:
            self.plane.do("ready")

    def caveat(self, operations):
        return " (roughly)"

    def apply(self, operations):
        self.plane.do("drop", *(op.link for op in operations))

    def hits(self, operations):
        return 7

    def undo(self, operations):
        self.plane.do("let through", *(op.link for op in operations))


def injector(plane, dry=False):
    """The real engines, but for packets, on a plane."""
    engines = EngineSet(LinkEngine(plane), RuleEngine(plane), ProcessActions(plane), Packets(plane))
    return Injector(engines, dry=dry)


def inject(injector, *faults):
    """Faults in force at the small mesh, as a test injects them."""
    return injector.inject(injector.check(faults, CONTEXT))


@dataclass(frozen=True, kw_only=True)
class Asked(connection_refused):
    """A fault that writes down what it is asked."""

    questions: list[str] = field(default_factory=list, repr=False, compare=False)

    def operations(self, context, fault):
        self.questions.append("operations")
        return super().operations(context, fault)

    def affected_links(self, context):
        self.questions.append("affected_links")
        return super().affected_links(context)


ONCE = ["operations", "affected_links"]  # what an `Asked` is asked each time that it is resolved
