"""Measure plans whose documents are kept in a file, in turns with plans whose documents are not kept."""

import statistics
import subprocess

from harness import group
from measure_reading import point_rate


@group("documents", 3)
def g_documents(b, im, rep):
    points, turns = (500, 2) if b.o.quick else (3000, 4)
    options = subprocess.run([im.exe("start-re-manager"), "--help"], capture_output=True, text=True, check=True).stdout
    if "--documents-limit" not in options:
        b.note(im, "documents", "it keeps no documents")
        return
    rates = {"kept": [], "alone": []}
    with b.service(im, "bench") as kept, b.service(im, "bench", extra=("--documents-limit", "0")) as alone:
        services = {"kept": kept, "alone": alone}
        for service in services.values():
            service.open_env()
            point_rate(service, points)  # the first plan is slower
        for turn in range(2 * turns):
            for name in sorted(services, reverse=turn % 2 == 1):
                rates[name].append(point_rate(services[name], points))
        reply = kept.c.ok("documents_get", {"limit": points})
        events = sum(each["name"] == "event" for each in reply["documents"])
        if events < 0.9 * points:
            raise RuntimeError(f"only {events} of {points} events were kept")
    b.rec(im, "documents.points_alone", statistics.median(rates["alone"]), "/s")
    b.rec(im, "documents.points_ratio", statistics.median(rates["kept"]) / statistics.median(rates["alone"]), "")
