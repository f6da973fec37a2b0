"""Startup code: where it is, how it runs in one namespace, and which plans and devices it defines."""
