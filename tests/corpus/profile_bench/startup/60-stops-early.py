import sys

stopped_early = True
if RE.md["beamline_id"] == "BENCH":
    sys.exit()
stopped_early = False
