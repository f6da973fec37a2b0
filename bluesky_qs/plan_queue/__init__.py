"""The rules of the queue: where items go when they are added, moved, run and ended, and which events that makes.

Pure: no I/O, no clock. Every change is made in memory and returned as an edit, which says what to store.
"""
