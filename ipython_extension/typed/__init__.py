"""What was typed: lines after ``%qs``, changes of a queued call, code of this session."""
