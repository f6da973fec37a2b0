"""Websockets and Server-Sent Events: what the service publishes, sent on to any number of readers."""
