"""Lets the threads of a program change places between its bytecodes: seeded pauses in its own code only.

Laid on PYTHONPATH by `deadheat audit --perturb python`. Nothing here may change what a program computes, and nothing
may reach it as an error: whatever goes wrong leaves it undisturbed.
"""


def _perturb():
    import _thread
    import os
    import sys
    import threading
    from random import Random
    # As they are now: a program may put its own in their place.
    from time import monotonic, sleep as asleep

    if sys.version_info < (3, 7):
        return
    seed = int(os.environ["DEADHEAT_PERTURB_SEED"])
    # Even seeds let any thread pause anywhere; odd ones give threads a rank that changes a few times, as PCT does, and
    # only the low ones pause.
    ranked = seed % 2 == 1
    # What a process may lose: events and calls that are looked at, seconds of sleep, and of these what
    # one thread may.
    events_max, calls_max, lost_max, asleep_max = 200000, 500000, 3.0, 0.25
    folder = os.path.dirname(os.path.abspath(__file__))
    libraries = tuple({
        os.path.dirname(os.path.dirname(os.path.abspath(os.__file__))) + os.sep,
        folder + os.sep,
        os.path.abspath(sys.prefix) + os.sep + "lib" + os.sep,
        os.path.abspath(sys.base_prefix) + os.sep + "lib" + os.sep,
    })
    # Where what threads share is written.
    shared = ("STORE_GLOBAL", "STORE_ATTR", "STORE_SUBSCR", "STORE_NAME", "STORE_DEREF", "DELETE_SUBSCR")

    os_open, os_close = os.open, os.close

    import opcode
    written = frozenset(opcode.opmap[name] for name in shared if name in opcode.opmap)
    state = {"events": 0, "calls": 0, "threads": 0, "alone": True, "lost": 0.0, "awake": 0.0, "told": False}
    here = threading.local()
    codes, passed = {}, {}

    def places(code, scope):
        """The offsets of `code` at which something shared is written; None if it is not the program's own."""
        known = codes.get(id(code))
        if known is not None:
            return known[1]
        name = code.co_filename
        if name in ("<string>", "<stdin>"):
            own = scope.get("__name__") == "__main__"
        else:
            own = not name.startswith("<") and "site-packages" not in name and "dist-packages" not in name
            own = own and not os.path.abspath(name).startswith(libraries)
        found = None
        if own:
            raw = code.co_code
            found = frozenset(at for at in range(0, len(raw), 2) if raw[at] in written)
        # With the code itself, so that nothing else can get its number.
        codes[id(code)] = code, found
        return found

    def mark(name):
        os_close(os_open(os.path.join(folder, name), os.O_WRONLY | os.O_CREAT, 0o600))

    def begin():
        here.number = state["threads"]
        state["threads"] += 1
        here.random = Random(seed * 1000003 + here.number)
        here.asleep, here.low = 0.0, here.random.random() < 0.5

    def pause(code, at):
        """Between two bytecodes: perhaps another thread goes first."""
        if not hasattr(here, "random"):
            begin()
        if here.asleep >= asleep_max or state["lost"] >= lost_max:
            return
        # No lock may be taken here: a signal may have come to its holder.
        if state["alone"] and _thread._count() < 1:
            return
        draw = here.random.random()
        if at not in codes[id(code)][1]:
            if not ranked and draw < 0.02:
                sleep(0.00005 * 2 ** here.random.randrange(6))
            return
        if ranked and draw < 0.125:
            here.low = not here.low
        if here.low if ranked else draw < 0.5:
            until_passed((id(code), at), 0.02 if ranked else 0.01)
        passed[id(code), at] = passed.get((id(code), at), 0) + 1

    def sleep(long):
        if not state["told"]:
            state["told"] = True
            mark("paused")
        here.asleep += long
        begun = monotonic()
        asleep(long)
        # Several may sleep at once.
        now = monotonic()
        state["lost"] += max(0.0, now - max(begun, state["awake"]))
        state["awake"] = now

    def until_passed(place, most):
        """What was read before this write is old once another thread has written here."""
        before, end = passed.get(place, 0), here.asleep + most
        while passed.get(place, 0) == before and here.asleep < end:
            sleep(0.0005)
        sleep(0.0005)

    def forked():
        # Several processes: a thread that is alone in one of them is not alone.
        state["alone"] = False
        here.__dict__.clear()

    def forks():
        state["alone"] = False

    if os.environ.get("DEADHEAT_PERTURB_FIRST", "") not in ("", str(os.getpid())):
        state["alone"] = False
    os.environ.setdefault("DEADHEAT_PERTURB_FIRST", str(os.getpid()))
    if os.environ.get("DEADHEAT_PERTURB_ALONE") == "no":
        state["alone"] = False
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_parent=forks, after_in_child=forked)

    if hasattr(sys, "monitoring"):
        monitoring = sys.monitoring
        tool = next((n for n in (4, 3) if monitoring.get_tool(n) is None), None)
        if tool is None:
            return
        monitoring.use_tool_id(tool, "deadheat")
        events = monitoring.events

        def started(code, offset):
            if state["events"] < events_max and places(code, sys._getframe(1).f_globals) is not None:
                monitoring.set_local_events(tool, code, events.INSTRUCTION)
            return monitoring.DISABLE

        def instruction(code, offset):
            state["events"] += 1
            if state["events"] > events_max or codes[id(code)][1] is None:
                return monitoring.DISABLE
            pause(code, offset)

        monitoring.register_callback(tool, events.PY_START, started)
        monitoring.register_callback(tool, events.INSTRUCTION, instruction)
        monitoring.set_events(tool, events.PY_START)
    else:
        # Before a trace function, what a frame shares with inner functions is copied, and written back after it: what
        # others wrote in between would be lost, which no program without it can lose. Asking for the copy renews it.
        def called(frame, event, arg):
            code, follow = frame.f_code, None
            known = codes.get(id(code))
            own = (known[1] if known is not None else places(code, frame.f_globals)) is not None
            state["calls"] += 1
            if state["events"] > events_max or state["calls"] > calls_max:
                sys.settrace(None)
            elif own:
                frame.f_trace_lines, frame.f_trace_opcodes = False, True
                follow = traced
            if code.co_freevars or code.co_cellvars:
                frame.f_locals
            return follow

        def traced(frame, event, arg):
            follow = traced
            if event == "opcode":
                state["events"] += 1
                if state["events"] > events_max:
                    frame.f_trace_opcodes = False
                    follow = None
                else:
                    pause(frame.f_code, frame.f_lasti)
            if frame.f_code.co_freevars or frame.f_code.co_cellvars:
                frame.f_locals
            return follow

        threading.settrace(called)
        sys.settrace(called)
    mark("loaded")


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
