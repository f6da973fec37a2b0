"""The queue monitor of bluesky-widgets: its buttons do what they say, and its tables show what is the case."""

import pytest

ADDED = [
    ["count", "detectors: ['det1', 'det2'], num: 3"],
    ["mv", "args: ('motor', 1)"],
    ["scan", "detectors: ['det1'], args: ('motor', -1, 1), num: 4"],
]


@pytest.fixture(params=["0MQ", "HTTP", "our door"])
def report(request, environment, reached):
    """What the window showed: over 0MQ, and over HTTP with the worker in an IPython kernel."""
    monitor = environment("queue-monitor")
    http = request.param != "0MQ"
    service, *uri = reached(request.param, *(["--use-ipython-kernel", "ON"] if http else []))
    return monitor.run("queue_monitor", service.control, service.info, *uri, service=service) | {"http": http}


def test_the_window_shows_and_does_what_it_says(report):
    forms = report["forms"]
    assert forms["count"] == ["detectors", "num", "delay", "per_shot", "md"]
    assert {"scan", "mv", "grid_scan", "marked_up_count", "tweak"} <= forms.keys()

    assert report["editing"]["added"] == ADDED
    count, mv, scan = ADDED
    assert report["editing"]["changed"] == [mv, scan, ["count", count[1].replace("num: 3", "num: 5")]]

    assert report["running"]["history"] == [["mv", "completed"], ["scan", "completed"], ["count", "completed"]]
    assert "Transient Scan ID: 1" in report["running"]["console"]

    back = [["count", "detectors: ['det1'], num: 1000, delay: 0.1"]]
    pausing = report["pausing"]
    assert (pausing["Stop"], pausing["Abort"], pausing["Halt"]) == ([], back, back)
    assert pausing["running"][0] == "Plan Name: count"

    assert report["controlling"]["copied"] == [["scan", "completed"]]
    assert report["uploading"]["queue"] == [
        ["count", "detectors: ['det1'], num: 2"],
        ["count", "detectors: ['det2'], num: 3"],
    ]
    second = ["count", "detectors: ['det2'], num: 3"]
    assert report["viewing"] == {"typed": "7", "reset": "3", "copy": second}
    assert report["closing"]["saved"] == {"txt": True, "json": True, "yaml": True}

    refusals = report["locked"]["refusals"]
    assert len(refusals) == 3
    assert all("Invalid lock key" in line for line in refusals)
    assert report["printed"] == refusals  # nothing else went wrong

    assert report["interrupting"]["can"] is report["http"]
    if report["http"]:
        assert "KeyboardInterrupt" in report["interrupting"]["traceback"]
