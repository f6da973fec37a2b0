"""The queue at the prompt: the IPython extension."""
