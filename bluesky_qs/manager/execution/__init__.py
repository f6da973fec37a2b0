"""Which item runs next, and the result of the last one."""
