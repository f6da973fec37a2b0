"""The manager process: answers requests, keeps the queue, and has the worker run it."""
