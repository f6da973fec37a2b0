"""Answers requests, from the socket to the handler."""
