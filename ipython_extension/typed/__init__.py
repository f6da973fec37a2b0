"""Reads what the user types: lines after ``%qs``, changes to a queued call, and this session's code."""
