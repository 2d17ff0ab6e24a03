"""Lets the threads of a program change places between its bytecodes: seeded pauses in its own code only.

Laid on PYTHONPATH by `deadheat audit --perturb python`. Nothing here may change what a program computes, and nothing
may reach it as an error: whatever goes wrong leaves it undisturbed.
"""


def _perturb():
    import os
    import sys
    import threading
    import time
    from random import Random

    if sys.version_info < (3, 7):
        return
    seed = int(os.environ["DEADHEAT_PERTURB_SEED"])
    # Even seeds let any thread pause anywhere; odd ones give threads a rank that changes a few times, as PCT does, and
    # only the low ones pause.
    ranked = seed % 2 == 1
    # What a run may lose: events that are looked at, by process, and time spent asleep, by thread.
    events_max, asleep_max = 200_000, 0.25
    libraries = tuple({
        os.path.dirname(os.path.dirname(os.path.abspath(os.__file__))) + os.sep,
        os.path.dirname(os.path.abspath(__file__)) + os.sep,
        os.path.abspath(sys.prefix) + os.sep + "lib" + os.sep,
        os.path.abspath(sys.base_prefix) + os.sep + "lib" + os.sep,
    })
    # Where what threads share is written.
    shared = ("STORE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR", "STORE_NAME", "STORE_DEREF", "DELETE_SUBSCR")

    import opcode
    written = frozenset(opcode.opmap[name] for name in shared if name in opcode.opmap)
    state = {"events": 0, "first": os.getpid(), "threads": 0, "alone": True}
    here = threading.local()
    codes, passed = {}, {}

    def places(code):
        """The offsets of `code` at which something shared is written; None if it is not the program's own."""
        try:
            return codes[code]
        except KeyError:
            pass
        name = code.co_filename
        own = not name.startswith("<") and "site-packages" not in name and "dist-packages" not in name
        own = own and not os.path.abspath(name).startswith(libraries)
        found = None
        if own:
            raw = code.co_code
            found = frozenset(at for at in range(0, len(raw), 2) if raw[at] in written)
        codes[code] = found
        return found

    def begin():
        here.number = state["threads"]
        state["threads"] += 1
        here.random = Random(seed * 1_000_003 + here.number)
        here.asleep, here.low = 0.0, here.random.random() < 0.5

    def pause(code, at):
        """Between two bytecodes: perhaps somebody else goes first."""
        if not hasattr(here, "random"):
            begin()
        if here.asleep >= asleep_max or (state["alone"] and threading.active_count() < 2):
            return
        draw = here.random.random()
        if at not in codes[code]:
            if not ranked and draw < 0.02:
                sleep(0.00005 * 2 ** here.random.randrange(6))
            return
        if ranked and draw < 0.125:
            here.low = not here.low
        if here.low if ranked else draw < 0.5:
            until_passed((code, at), 0.02 if ranked else 0.01)
        passed[code, at] = passed.get((code, at), 0) + 1

    def sleep(long):
        here.asleep += long
        time.sleep(long)

    def until_passed(place, most):
        """What was read before this write is old once another thread has written here."""
        before, end = passed.get(place, 0), here.asleep + most
        while passed.get(place, 0) == before and here.asleep < end:
            sleep(0.0005)
        sleep(0.0005)

    def forked():
        # Several processes: whoever is alone in one of them is not alone.
        state["alone"] = False
        here.__dict__.clear()

    if os.environ.get("DEADHEAT_PERTURB_FIRST", "") not in ("", str(os.getpid())):
        state["alone"] = False
    os.environ.setdefault("DEADHEAT_PERTURB_FIRST", str(os.getpid()))
    if os.environ.get("DEADHEAT_PERTURB_ALONE") == "no":
        state["alone"] = False
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forked)

    if hasattr(sys, "monitoring"):
        monitoring = sys.monitoring
        tool = next((n for n in (4, 3) if monitoring.get_tool(n) is None), None)
        if tool is None:
            return
        monitoring.use_tool_id(tool, "deadheat")
        events = monitoring.events

        def started(code, offset):
            if state["events"] < events_max and places(code) is not None:
                monitoring.set_local_events(tool, code, events.INSTRUCTION)
            return monitoring.DISABLE

        def instruction(code, offset):
            state["events"] += 1
            if state["events"] > events_max or codes.get(code) is None:
                return monitoring.DISABLE
            pause(code, offset)

        monitoring.register_callback(tool, events.PY_START, started)
        monitoring.register_callback(tool, events.INSTRUCTION, instruction)
        monitoring.set_events(tool, events.PY_START)
    else:
        def called(frame, event, arg):
            if event != "call" or state["events"] > events_max or places(frame.f_code) is None:
                return None
            frame.f_trace_lines, frame.f_trace_opcodes = False, True
            return traced

        def traced(frame, event, arg):
            if event == "opcode":
                state["events"] += 1
                if state["events"] > events_max:
                    frame.f_trace_opcodes = False
                    return None
                pause(frame.f_code, frame.f_lasti)
            return traced

        threading.settrace(called)
        sys.settrace(called)
    open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "loaded"), "w").close()


def _chain():
    """The sitecustomize that would have been there without this one."""
    import importlib.machinery
    import importlib.util
    import os
    import sys

    own = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path or os.curdir) != own]
    found = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if found is not None and found.loader is not None:
        module = importlib.util.module_from_spec(found)
        sys.modules["sitecustomize"] = module
        found.loader.exec_module(module)


try:
    _perturb()
except Exception:
    pass
_chain()
