"""Made while the startup files import it, with what these have made so far."""

import IPython as ipy
from IPython import get_ipython
from ophyd import Component as Cpt
from ophyd import Device
from ophyd.sim import SynAxis

sd = get_ipython().user_ns["sd"]


class Slits(Device):
    gap = Cpt(SynAxis)
    center = Cpt(SynAxis)


slits = Slits(name="slits")
sd.baseline.append(slits)
same_shell = ipy.get_ipython().user_ns is get_ipython().user_ns
