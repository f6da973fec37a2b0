"""The commands of the command line and the prompt, and the requests that they stand for. Only `files` does I/O."""
