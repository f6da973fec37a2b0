"""The worker as the manager sees it: its environment, its tasks, its lists."""
