"""What Python promises its threads, whatever is paused where. Prints the laws that were broken; `race` must break."""
import multiprocessing
import os
import signal
import sys
import threading
import time

plain = 0


def each(work, count=6):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def race():
    def work(n):
        global plain
        for _ in range(20):
            plain += 1

    each(work)
    return plain == 120


def shared_with_inner_functions():
    total, lock = 0, threading.Lock()

    def work(n):
        nonlocal total
        for step in range(40):
            doubled = n + step
            with lock:
                total += 1
            doubled = doubled * 2

    each(work)
    return total == 240


def signals():
    """A handler comes to a thread that holds a lock of the threading module."""
    heard = []

    def handler(number, frame):
        heard.append(number)

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    for _ in range(40):
        each(lambda n: None, 3)
    threading.active_count()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return bool(heard)


def square(n):
    found = n
    found *= n
    return found


def children():
    for way in ("fork", "spawn"):
        with multiprocessing.get_context(way).Pool(2) as pool:
            if pool.map(square, range(10)) != [n * n for n in range(10)]:
                return False
    return True


def own_hooks():
    calls, traced = [], []

    def trace(frame, event, arg):
        traced.append(event)
        return trace

    sys.setprofile(lambda frame, event, arg: calls.append(event))
    square(2)
    sys.setprofile(None)
    sys.settrace(trace)
    square(3)
    sys.settrace(None)
    square(4)
    return "call" in calls and traced[:2] == ["call", "line"] and traced[-1] == "return"


def own_sleep():
    """What a program puts in the place of a function is not called by others."""
    called, kept = [], (time.sleep, threading.active_count, os.open)
    time.sleep = os.open = lambda *given, **named: called.append(given)
    threading.active_count = lambda: called.append("count")

    def work(n):
        called_before = len(called)
        for step in range(20):
            square(step)

    each(work)
    time.sleep, threading.active_count, os.open = kept
    return not called


def daemons():
    """They are still busy when the interpreter ends."""
    def work():
        state = {}
        while True:
            state["n"] = state.get("n", 0) + 1

    for _ in range(3):
        threading.Thread(target=work, daemon=True).start()
    return True


if __name__ == "__main__":
    if sys.argv[1] == "race":
        print("lost" if not race() else "kept")
    else:
        laws = [shared_with_inner_functions, signals, children, own_hooks, own_sleep, daemons]
        print([law.__name__ for law in laws if not law()])
