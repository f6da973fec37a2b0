"""Finds startup code, runs it in one namespace, and collects the plans and devices that it defines."""
