"""IPython's configuration of the simulated beamline: the startup files run by themselves, the extension is loaded."""

c = get_config()  # noqa: F821 - IPython provides it

c.InteractiveShellApp.extensions = ["bluesky_qs"]
c.TerminalIPythonApp.display_banner = False

# Not in this folder, because it belongs to the installed package; in a copy of the profile this line can go.
c.HistoryManager.hist_file = ":memory:"
