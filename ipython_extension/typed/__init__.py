"""Reads the user's text: lines after ``%qs``, changes of a queued call, code of this session."""
