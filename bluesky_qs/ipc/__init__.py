"""How the processes of the service talk to each other, and where they meet."""
