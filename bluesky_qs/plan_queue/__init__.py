"""The rules of the queue: where items go when they are added, are moved, run or end, and which events follow.

The package does no I/O and reads no clock. It makes each change in memory and returns an edit, which lists what to
store.
"""
