"""What changes while somebody watches: runs, their tables and plots, progress."""
