from bluesky.suspenders import SuspendFloor

beam_suspender = SuspendFloor(ring_current, 100, resume_thresh=200, sleep=0, tripped_message="no beam")
RE.install_suspender(beam_suspender)
RE.md["suspenders"] = [type(each).__name__ for each in RE.suspenders]
