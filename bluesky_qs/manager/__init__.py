"""The manager process: it answers requests, keeps the queue and sends plans to the worker."""
