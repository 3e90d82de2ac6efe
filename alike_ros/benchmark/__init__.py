"""How fast, how equal, how large: contestants in processes of their own, asked in turn."""
