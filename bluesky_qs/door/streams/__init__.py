"""Websockets and Server-Sent Events, which forward the service's messages to any number of readers."""
