"""The RunEngine and bluesky's plans."""

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky import RunEngine
from bluesky.plan_stubs import mv, mvr, null
from bluesky.plans import (
    adaptive_scan,
    count,
    fly,
    grid_scan,
    inner_product_scan,
    list_grid_scan,
    list_scan,
    log_scan,
    ramp_plan,
    rel_adaptive_scan,
    rel_grid_scan,
    rel_list_grid_scan,
    rel_list_scan,
    rel_log_scan,
    rel_scan,
    rel_spiral,
    rel_spiral_fermat,
    rel_spiral_square,
    relative_inner_product_scan,
    scan,
    scan_nd,
    spiral,
    spiral_fermat,
    spiral_square,
    tune_centroid,
    tweak,
    x2x_scan,
)

from bluesky_qs.startup.tables import best_effort_callback

RE = RunEngine({"metadata_key": "metadata_value"})

# Print tables in the console, and show plots; no plots in a worker, where nobody can see them, or without matplotlib.
bec = best_effort_callback()
RE.subscribe(bec)
