"""The startup code that the measured services load."""

PERMS = """
user_groups:
  root:
    allowed_plans: [null]
    forbidden_plans: [":^_"]
    allowed_devices: [null]
    forbidden_devices: [":^_:?.*"]
    allowed_functions: [null]
    forbidden_functions: [":^_"]
  primary:
    allowed_plans: [":.*"]
    forbidden_plans: [null]
    allowed_devices: [":?.*:depth=5"]
    forbidden_devices: [null]
    allowed_functions: [":.*"]
    forbidden_functions: [null]
"""

EMPTY_DIR = "answer = 42\n\n\ndef helper(a: int = 1):\n    return a + answer\n"

BENCH_DIR = '''
import time as _time
from bluesky import RunEngine
from bluesky.callbacks.best_effort import BestEffortCallback
from bluesky.plan_stubs import checkpoint as _checkpoint, null as _null, sleep as _sleep
from bluesky.plans import count
from ophyd.sim import hw as _hw

_h = _hw()
det, det1, det2, motor = _h.det, _h.det1, _h.det2, _h.motor
RE = RunEngine({})
bec = BestEffortCallback()
bec.disable_plots()
RE.subscribe(bec)


def p_nothing():
    """A plan without a single message."""
    yield from ()


def p_null():
    """One 'null' message."""
    yield from _null()


def p_steps(n: int = 1000, delay: float = 0.01):
    for _ in range(n):
        yield from _checkpoint()
        yield from _sleep(delay)


def p_print(seconds: float = 5.0, burst: int = 50):
    """Prints as fast as it can in bursts of lines, with a message after each burst."""
    t = _time.time() + seconds
    i = 0
    while _time.time() < t:
        for _ in range(burst):
            print(f"console line {i:08d} ....................................................")
            i += 1
        yield from _null()


_marks = []


def p_mark():
    """Notes when its body really starts and stops (the history only says when the manager saw it)."""
    _marks.append(_time.time())
    yield from _null()
    _marks.append(_time.time())


def f_marks():
    m = list(_marks)
    _marks.clear()
    return m


def f_nop(x: int = 0):
    return x


def f_print(n: int):
    for i in range(n):
        print(f"console line {i:08d} ....................................................")
    return n


def f_hog(seconds: float, chunk: float):
    """Holds the interpreter lock for 'chunk' seconds at a time, as C code of an analysis does."""
    t = _time.time()
    sum(range(2_000_000))
    n = int(2_000_000 * chunk / (_time.time() - t))
    t = _time.time() + seconds
    while _time.time() < t:
        sum(range(n))
        _time.sleep(0.25)


def f_print_for(seconds: float):
    t = _time.time() + seconds
    while _time.time() < t:
        print("busy console line ....................................................")
'''

BIG_DIR = '''
import typing
from bluesky import RunEngine
from bluesky.plan_stubs import null as _null
from ophyd import Component as _Cpt, Device as _Device, Signal as _Signal
from ophyd.sim import SynAxis as _SynAxis
try:
    from bluesky_queueserver import parameter_annotation_decorator as _annotate
except ImportError:
    def _annotate(_):
        return lambda f: f

RE = RunEngine({})


class _Sub(_Device):
    a = _Cpt(_Signal, value=0)
    b = _Cpt(_Signal, value=0)
    c = _Cpt(_SynAxis)


class _Stage(_Device):
    x = _Cpt(_SynAxis)
    y = _Cpt(_SynAxis)
    s1 = _Cpt(_Sub)
    s2 = _Cpt(_Sub)


for _i in range(200):
    globals()[f"dev{_i:03d}"] = _Stage(name=f"dev{_i:03d}")


def _make(i):
    def plan(detectors: typing.List[typing.Any], num: int = 1, delay: typing.Optional[float] = None,
             mode: str = "fast", *, md: typing.Optional[typing.Dict[str, typing.Any]] = None):
        """
        A generated plan.

        Parameters
        ----------
        detectors : list
            Detectors to read.
        num : int
            How often.
        delay : float
            Pause between the readings.
        mode : str
            Any of the modes.
        md : dict
            Metadata.
        """
        yield from _null()
    plan.__name__ = plan.__qualname__ = f"plan{i:03d}"
    if i % 2:
        plan = _annotate({
            "description": f"Annotated plan {i}",
            "parameters": {
                "detectors": {"annotation": "typing.List[Dets]",
                              "devices": {"Dets": tuple(f"dev{j:03d}" for j in range(20))}},
                "num": {"min": 1, "max": 1000, "step": 1},
                "mode": {"annotation": "Modes", "enums": {"Modes": ("fast", "slow")}},
            },
        })(plan)
    return plan


for _i in range(100):
    globals()[f"plan{_i:03d}"] = _make(_i)


def f_nop(x: int = 0):
    return x
'''

BARE = r"""
import sys, time, json, os, io, contextlib
ns = {"__name__": "startup"}
src = open(sys.argv[1]).read()
t0 = time.perf_counter()
exec(compile(src, sys.argv[1], "exec"), ns)
t_load = time.perf_counter() - t0
RE, n = ns["RE"], int(sys.argv[2])
out = {"startup_load_s": t_load}
sink = open(os.devnull, "w")
with contextlib.redirect_stdout(sink):
    for name, args in (("p_nothing", ()), ("p_null", ()), ("count", ([ns["det"]],))):
        for _ in range(10):
            RE(ns[name](*args))
        ts = []
        for _ in range(n):
            t = time.perf_counter(); RE(ns[name](*args)); ts.append(time.perf_counter() - t)
        out[name] = sum(ts) / n * 1e3
    RE.unsubscribe(0)  # the best-effort callback sleeps 0.1 s per run (LiveTable)
    ts = []
    for _ in range(n):
        t = time.perf_counter(); RE(ns["count"]([ns["det"]])); ts.append(time.perf_counter() - t)
    out["count_without_bec"] = sum(ts) / n * 1e3
print(json.dumps(out))
"""
