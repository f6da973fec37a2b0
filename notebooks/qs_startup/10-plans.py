"""The plans of the beamline."""

import bluesky.plans as bp
from bluesky_qs import parameter_annotation_decorator


@parameter_annotation_decorator(
    {
        "parameters": {
            "detectors": {"annotation": "list[Detector]", "devices": {"Detector": ["det1", "det2"]}},
            "exposure": {"description": "Seconds for each of the three points.", "min": 0.01, "max": 10},
        },
    }
)
def measure(detectors, exposure: float = 0.1):
    """Measure three points."""
    yield from bp.count(detectors, num=3, delay=exposure)
