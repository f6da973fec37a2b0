"""The worker process: it runs startup code, plans, functions and scripts."""
