"""The commands of ``%qs``: their table, dispatch, help and completion, and the magics."""
