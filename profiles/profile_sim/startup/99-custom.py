"""Plans with annotated parameters, and functions that can be called through the queue server."""

import sys

from tqdm import tqdm

from bluesky_qs import parameter_annotation_decorator


@parameter_annotation_decorator(
    {
        "description": "Move the motors to the positions, then count with the detectors.",
        "parameters": {
            "motors": {
                "description": "Motors to move.",
                "annotation": "typing.List[Motors]",
                "devices": {"Motors": ["motor", "motor1", "motor2", "motor3", ":-^sim_bundle_A$:-^mtrs$:.*"]},
            },
            "detectors": {
                "description": "Detectors to read.",
                "annotation": "typing.List[Detectors]",
                "devices": {"Detectors": ["det", ":^det[1-5]$", ":-^sim_bundle_A$:-^dets$:.*"]},
            },
            "positions": {
                "description": "Target position of each motor.",
                "annotation": "typing.List[float]",
                "min": -10,
                "max": 10,
                "step": 0.01,
            },
        },
    }
)
def move_then_count(motors, detectors, positions):
    """Move, then count."""
    if len(motors) != len(positions):
        raise ValueError(f"Each motor needs one position: {len(motors)} motors, {len(positions)} positions")
    yield from mv(*[value for pair in zip(motors, positions) for value in pair])
    yield from count(detectors)


def count_bundle_test(detectors: typing.List[bluesky.protocols.Readable], num: int = 1, delay: typing.Optional[float] = None):
    """Count with all detectors bundled in one event.

    Parameters
    ----------
    detectors : list
        Devices to read together.
    num : int
        Number of readings.
    delay : float
        Seconds between readings.
    """
    yield from count(detectors, num=num, delay=delay)


@parameter_annotation_decorator(
    {
        "description": "Count, with every parameter described.",
        "parameters": {
            "detectors": {
                "description": "Detectors to read.",
                "annotation": "typing.List[typing.Union[Detectors, Bundled]]",
                "devices": {"Detectors": [":^det"], "Bundled": [":-^sim_bundle:-^dets$:^det"]},
            },
            "num": {"description": "Number of readings.", "annotation": "int", "default": 1, "min": 1, "max": 1000},
            "delay": {"description": "Seconds between readings.", "annotation": "float", "default": 0.0, "min": 0},
            "md": {"description": "Metadata of the run.", "annotation": "typing.Optional[dict]", "default": None},
        },
    }
)
def marked_up_count(detectors, num=1, delay=0.0, md=None):
    """Count."""
    return (yield from count(detectors, num=num, delay=delay, md=md))


def sim_multirun_plan_nested(npts: int, delay: float = 1.0):
    """Three nested runs that are open at the same time.

    Parameters
    ----------
    npts : int
        Points in each run.
    delay : float
        Seconds between points.
    """

    def points(detector, axis):
        for step in range(npts):
            yield from bps.mv(axis, step)
            yield from bps.trigger_and_read([axis, detector])
            yield from bps.sleep(delay)

    @bpp.set_run_key_decorator("run_inner")
    @bpp.run_decorator(md={})
    def inner():
        yield from points(det2, motor2)

    @bpp.set_run_key_decorator("run_middle")
    @bpp.run_decorator(md={})
    def middle():
        yield from points(det1, motor1)
        yield from inner()

    @bpp.set_run_key_decorator("run_outer")
    @bpp.run_decorator(md={})
    def outer():
        yield from points(det, motor)
        yield from middle()

    yield from outer()


def plan_test_progress_bars(n_progress_bars: int = 1):
    """Show progress bars in the console for five seconds.

    Parameters
    ----------
    n_progress_bars : int
        Number of bars, one below the other.
    """
    bars = [tqdm(total=100, desc=f"TEST{n + 1}", position=n, file=sys.stdout) for n in range(n_progress_bars)]
    try:
        for _ in range(50):
            yield from bps.sleep(0.1)
            for bar in bars:
                bar.update(2)
    finally:
        for bar in bars:
            bar.close()


def function_sleep(time):
    """
    Sleep for a given number of seconds.
    """
    print("******** Starting execution of the function 'function_sleep' **************")
    print(f"*******************   Waiting for {time} seconds **************************")
    ttime.sleep(time)
    print("******** Finished execution of the function 'function_sleep' **************")

    return {"success": True, "time": time}


_fifo_buffer = []


def push_buffer_element(element):
    """Put an element into the buffer."""
    _fifo_buffer.append(element)


def pop_buffer_element():
    """Take the oldest element out of the buffer."""
    return _fifo_buffer.pop(0)


def clear_buffer():
    """Remove all elements from the buffer."""
    _fifo_buffer.clear()
