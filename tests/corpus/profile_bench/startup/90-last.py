from ophyd.sim import SynAxis

m2 = SynAxis(name="m2")  # made again: plans that took the old one as a default keep it


def facts():
    """What the startup code made, as a client may ask for it."""
    return {
        "md": {key: RE.md[key] for key in ("beamline_id", "openings", "suspenders")},
        "baseline": [each.name for each in sd.baseline],
        "same_shell": same_shell,
        "stopped_early": stopped_early,
        "macro_ran": macro_ran,
        "staff": list(staff),
        "greeted": greeted,
        "started": os.environ["QS_CORPUS_STARTED"],
        "edge": edge_energy(),
        "prompt": ip.prompts.in_prompt_tokens()[0][1],
        "hidden": "_hidden" in globals(),
        "file": "__file__" in globals(),
    }
