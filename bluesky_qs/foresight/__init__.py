"""Foresight: what a plan would do, found by walking its messages without hardware.

It imports no bluesky and sees messages and devices by their names and methods only. The process in which user code is
walked is `bluesky_qs.worker.shadow`.
"""
