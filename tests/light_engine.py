"""Startup code with a RunEngine that takes half as long to make."""

#: The RunEngine imports ophyd and ophyd_async, only to note their versions in its metadata. This takes 0.6 s of
#: processor time, more than all the rest of light startup code. What uses them later finds them. In two lines, because
#: tests name lines of the code behind it.
LIGHT_ENGINE = """
import sys; from bluesky import RunEngine; sys.modules.update(ophyd=None, ophyd_async=None)
RE = RunEngine({}); del sys.modules["ophyd"], sys.modules["ophyd_async"]
"""
