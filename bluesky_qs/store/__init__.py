"""Where the queue, its history and its events are kept: a SQLite file, a Redis, or memory in tests.

Knows how each change becomes durable. Knows nothing of the rules of the queue, and never decides what is undone.
"""
