"""The evaluations of `alike eval`: parser and run, one a file."""
