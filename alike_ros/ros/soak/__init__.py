"""The front end for minutes to hours under all that a robot does to it, and what it showed."""
