"""Finds out what a plan would do and how long it takes: walks its messages without hardware.

This package does not import bluesky. It uses only the names and methods of messages and devices. The walks run in the
process that `bluesky_qs.worker.shadow` starts.
"""
