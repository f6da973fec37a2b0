"""The commands of ``%qs``: their table, their dispatch, help and completion, and the magics."""
