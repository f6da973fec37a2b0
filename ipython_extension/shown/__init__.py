"""What a user sees: tables, sentences, views of replies, errors."""
