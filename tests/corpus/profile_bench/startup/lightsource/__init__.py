"""Stands for the package in which a facility keeps what its beamlines share."""

from IPython import get_ipython


def configure_base(user_ns, broker_name, *, bec=True, magics=True, mpl=True):
    """Fill the namespace that is handed over, as the facility's package does."""
    import bluesky.plan_stubs
    import bluesky.plans
    import bluesky.preprocessors
    from bluesky import RunEngine, SupplementalData
    from bluesky.callbacks.best_effort import BestEffortCallback

    ipython = get_ipython()
    ns = {"RE": RunEngine({}), "sd": SupplementalData(), "db": broker_name}
    ns["RE"].preprocessors.append(ns["sd"])
    if bec:
        ns["bec"] = BestEffortCallback()
        ns["bec"].disable_plots()
        ns["RE"].subscribe(ns["bec"])
    if magics:
        from bluesky.magics import BlueskyMagics

        ipython.register_magics(BlueskyMagics)
    if mpl:
        ipython.run_line_magic("matplotlib", "agg")
    ns.update(bp=bluesky.plans, bps=bluesky.plan_stubs, bpp=bluesky.preprocessors)
    for module in (bluesky.plans, bluesky.plan_stubs):
        ns.update({name: value for name, value in vars(module).items() if not name.startswith("_")})
    user_ns.update(ns)
    return list(ns)
