"""Stores for the queue, its history and its events: a SQLite file, a Redis, or memory in tests.

Knows how each change becomes durable. Does not know the rules of the queue, and never decides which changes to undo.
"""
