"""Measure a queue server from outside, or two of them in turns.

    perf.py --bin DIR [--bin2 DIR2] [--args="..."] [--args2="..."] [--embedded A|B|AB]
            [--only NAME,NAME] [--skip NAME,NAME] [--out report.json] [--repeats N] [--quick]
    perf.py --show report.json [more.json ...]        print the table of finished reports

Write --args=... with the equals sign: the value starts with dashes.

DIR holds the console scripts of one implementation (start-re-manager, qserver, qserver-list-plans-devices, python).
Nothing else of the implementation is used: the service is driven over its 0MQ sockets.

Every service gets its own ports, Redis prefix, HOME and session, so that it can be killed as a whole. With two
services, every repeat of a group measures A, then B. A Redis server is started unless --redis says otherwise. Only
processes that were started here receive signals.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile

import measure_documents  # noqa: F401 - the groups of measurements register themselves
import measure_estimates  # noqa: F401
import measure_faults  # noqa: F401
import measure_history  # noqa: F401
import measure_reading  # noqa: F401
import measure_requests  # noqa: F401
import measure_runs  # noqa: F401
from harness import GROUPS, ORDER, now, spin
from report import report, show
from service import Bench, Impl


def main():
    if sys.argv[1:2] == ["--show"]:
        return show(sys.argv[2:])
    o, impls, names = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return measure(o, impls, names)


def options():
    """The options, the services and the names of the groups to measure."""
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--bin", required=True)
    ap.add_argument("--bin2")
    ap.add_argument("--args", default="")
    ap.add_argument("--args2", default="")
    ap.add_argument("--only", default="", help="comma-separated groups: " + ",".join(ORDER))
    ap.add_argument("--skip", default="")
    ap.add_argument("--out")
    ap.add_argument("--repeats", type=int, help="override the repeats of every group")
    ap.add_argument("--quick", action="store_true", help="one repeat, smaller sizes")
    ap.add_argument(
        "--redis", default="auto", help="auto: private redis-server; none: pass no redis options; HOST:PORT"
    )
    ap.add_argument(
        "--embedded", default="", help="A, B or AB: these get no redis options and use their built-in store"
    )
    ap.add_argument("--no-seed", action="store_true", help="never seed the history through redis")
    ap.add_argument("--history", type=int, default=50_000, help="number of items in the group long_history")
    ap.add_argument("--tmp", default=tempfile.gettempdir())
    ap.add_argument("--keep", action="store_true", help="keep the work directory (service logs)")
    o = ap.parse_args()
    no_redis = "AB" if o.redis == "none" else o.embedded.upper()
    impls = [Impl("A", o.bin, o.args, "A" not in no_redis)]
    if o.bin2:
        impls.append(Impl("B", o.bin2, o.args2, "B" not in no_redis))
    names = [n for n in o.only.split(",") if n] or ORDER
    names = [n for n in names if n not in o.skip.split(",")]
    for n in names:
        if n not in GROUPS:
            ap.error(f"unknown group {n}: {','.join(ORDER)}")
    if not any(impl.redis for impl in impls):
        o.redis = "none"
    return o, impls, names


def measure(o, impls, names, limits=None):
    """Run the groups in order, the services in turns, and report; 1 if a measurement failed."""
    b = Bench(o)
    t_all = now()
    base = min(spin() for _ in range(20))
    times = {}
    try:
        for n in names:
            f, reps = GROUPS[n]
            reps = o.repeats or (1 if o.quick else reps)
            b.last_rep = reps - 1
            t = now()
            for rep in range(reps):
                for im in impls:
                    ms = [spin() for _ in range(5)]
                    base = min([base, *ms])
                    noise = statistics.median(ms) / base
                    b.noise.append((n, rep, im.label, round(statistics.median(ms), 2), round(os.getloadavg()[0], 2)))
                    print(
                        f"[{n} {rep + 1}/{reps} {im.label}] cpu noise x{noise:.2f}, load {os.getloadavg()[0]:.2f}",
                        flush=True,
                    )
                    live0 = len(b.live)
                    try:
                        f(b, im, rep)
                    except Exception as ex:  # noqa: BLE001 - reported at the end; the other groups are measured
                        b.errors.append(f"{n} {im.label} repeat {rep}: {type(ex).__name__}: {ex}")
                        print("    ERROR " + b.errors[-1], flush=True)
                    if n != "cli":
                        for s in b.live[live0:]:
                            s.kill_all()
            times[n] = round(now() - t, 1)
    finally:  # even after Ctrl-C or SIGTERM, everything measured so far is reported
        b.cleanup()
        report(b, impls, times, base, now() - t_all, o.out, limits)
    return 1 if b.errors else 0


if __name__ == "__main__":
    sys.exit(main())
