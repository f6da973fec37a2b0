"""Live views of running plans: tables, plots, progress."""
