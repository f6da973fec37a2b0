"""The worker as the manager sees it: its environment, its tasks and its lists."""
