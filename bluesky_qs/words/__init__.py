"""The words of the command line and of the prompt, and the requests that they stand for. Only `files` reads."""
