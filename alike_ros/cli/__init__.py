"""The command line: one file a command, each with NAME, HELP, add_arguments and run."""
