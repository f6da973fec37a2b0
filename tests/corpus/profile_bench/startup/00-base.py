import os

from bluesky.utils import PersistentDict
from lightsource import configure_base

configure_base(get_ipython().user_ns, "bench")

bec.disable_baseline()
runengine_metadata_dir = os.path.join(get_ipython().profile_dir.location, "md")
RE.md = PersistentDict(runengine_metadata_dir)
RE.md["beamline_id"] = "BENCH"
RE.md.setdefault("openings", 0)
RE.md["openings"] = RE.md["openings"] + 1
