"""IPython configuration for the simulated beamline. It loads the extension; IPython itself runs the startup files."""

c = get_config()  # noqa: F821 - IPython provides it

c.InteractiveShellApp.extensions = ["bluesky_qs"]
c.TerminalIPythonApp.display_banner = False

# No history file, because this folder belongs to the installed package. Remove this line in a copy of the profile.
c.HistoryManager.hist_file = ":memory:"
