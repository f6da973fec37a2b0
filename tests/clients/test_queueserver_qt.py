"""bluesky-queueserver-qt: its buttons do what they say, and its lists show what is the case."""

import pytest


@pytest.fixture(params=["0MQ", "HTTP", "our door"])
def report(request, environment, reached):
    """What the window showed."""
    window = environment("queueserver-qt")
    service, *uri = reached(request.param)
    return window.run("queueserver_qt", service.control, service.info, *uri, service=service)


def test_the_window_shows_and_does_what_it_says(report):
    devices = report["connecting"]["devices"]
    assert (devices["det1"], devices["motor"], devices["sim_bundle_A"]) == ("SynGauss", "SynAxis", "SimBundle")

    sent = {name: item["kwargs"] for name, item in report["forms"].items()}
    assert sent["mv"] == {}  # in particular no 'timeout', which the program would send as 0.0
    assert sent["count"] == {"num": 1, "delay": 0.0}

    count, mv, log_scan, another, same = report["editing"]["added"]
    assert count == "count  detectors=['det1', 'det2'], num=3, delay=0.0"
    assert mv == "mv  args=['motor', 1]"
    assert log_scan == "log_scan  detectors=['det1'], motor=motor, start=1.0, stop=2.0, num=4"
    assert another == same
    assert report["editing"]["changed"] == [count.replace("num=3", "num=5"), mv, log_scan, same]

    batching = report["batching"]
    assert batching["queue"] == ["count  detectors=['det3'], num=1", "count  detectors=['det3'], num=2"]
    assert "Plan 'no_such_plan' is not in the list of allowed plans" in batching["refusal"]

    names = ["count", "count", "count", "log_scan", "mv", "count"]
    assert report["running"]["history"] == [[name, "completed"] for name in names]
    assert "num=5" in report["running"]["again"][0]

    back = ["count  args=[['det1']]  num=1000, delay=0.1"]
    assert report["pausing"] == {"aborted": back, "halted": back}

    locked = report["locked"]
    assert locked["kept"] == 1
    assert all("Invalid lock key" in line for line in locked["refusals"])
    assert report["closing"]["errors"] == [batching["refusal"], *locked["refusals"]]  # nothing else went wrong
