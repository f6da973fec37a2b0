"""Metrics of services for Prometheus: their names, how they are counted, and a server for a service without a door."""
