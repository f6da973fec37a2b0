"""Stores for the queue, its history and its events: a SQLite file, Redis, or memory (in tests).

A store knows how to make each change durable. It does not know the rules of the queue, and never decides which changes
to undo.
"""
