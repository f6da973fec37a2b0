"""What each word of the prompt does."""
