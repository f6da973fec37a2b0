"""The table of medians, and the report as JSON."""

import json
import statistics


def median(v):
    v = [x for x in v if isinstance(x, (int, float))]
    return statistics.median(v) if v else None


def fmt(x):
    if x is None:
        return "-"
    if x != x or x in (float("inf"), float("-inf")):
        return str(x)
    if isinstance(x, int) or float(x).is_integer():
        return f"{x:.0f}"
    return f"{x:.3g}" if abs(x) < 100 else f"{x:.0f}"


def table(results, labels, limits=None):
    two = len(labels) > 1
    head = ["metric", "unit"] + [f"{i} median (min..max, n)" for i in labels] + (["A/B"] if two else [])
    head += ["limit"] if limits else []
    rows = [head, ["---"] * len(head)]
    for name, m in results.items():
        row = [name, m["unit"]]
        meds = []
        for i in labels:
            v = m.get(i, [])
            md = median(v)
            meds.append(md)
            row.append(f"{fmt(md)} ({fmt(min(v))}..{fmt(max(v))}, {len(v)})" if v else "-")
        if two:
            ok = meds[0] is not None and meds[1] not in (None, 0)
            row.append(f"{meds[0] / meds[1]:.2f}" if ok else "-")
        if limits:
            row.append(judged(meds[0], limits.get(name)))
        rows.append(row)
    return "\n".join("| " + " | ".join(r) + " |" for r in rows)


def judged(value, limit):
    """The limit, and whether the value is within it."""
    if limit is None:
        return ""
    return f"{fmt(limit)}: " + ("none measured" if value is None else "within" if value <= limit else "OVER")


def report(b, impls, times, base, total, out, limits=None):
    print("\n" + table(b.results, [i.label for i in impls], limits))
    for e in b.errors:
        print("ERROR", e)
    if not out:
        return
    doc = {
        "impls": {i.label: {"bin": i.bin, "args": i.args} for i in impls},
        "medians": {
            name: {i.label: median(m.get(i.label, [])) for i in impls} | {"unit": m["unit"]}
            for name, m in b.results.items()
        },
        "values": b.results, "notes": b.notes, "errors": b.errors,
        "noise_spin_ms_and_load": b.noise, "noise_spin_ms_best": round(base, 2),
        "group_seconds": times, "total_seconds": round(total, 1),
    }  # fmt: skip
    with open(out, "w") as fo:
        json.dump(doc, fo, indent=1)


def show(files):
    """Merge reports and print the table."""
    res, labels = {}, []
    for f in files:
        d = json.load(open(f))
        labels += [x for x in d["impls"] if x not in labels]
        for k, m in d["values"].items():
            r = res.setdefault(k, {"unit": m["unit"]})
            for x in d["impls"]:
                if x in m:
                    r.setdefault(x, []).extend(m[x])
    print(table(res, labels))
