"""The ``%qs`` commands: their table, dispatch, help and completion, and the magics."""
