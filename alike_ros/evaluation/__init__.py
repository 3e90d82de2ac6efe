"""What the front end did with a sequence, in numbers and pictures."""
