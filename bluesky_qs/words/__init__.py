"""The commands of the command line and the prompt, and the requests that they send. Only `files` does I/O."""
