"""Views for users: tables, status text, replies, errors."""
