"""Our messages as the input of other programs, exactly as each reads it."""
