"""Decides which item runs next, and records the result of the last one."""
