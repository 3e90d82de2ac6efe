"""`alike COMMAND …`: finds the command, runs it, and turns errors into one line."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from alike_ros.errors import AlikeError

COMMANDS = ('demo', 'track', 'convert', 'models', 'export', 'bench', 'eval', 'parameters')

FAILED, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 2 for what a user can mend, 130 for Ctrl-C."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    logging.basicConfig(format='alike: %(message)s')
    logging.getLogger('alike_ros').setLevel(logging.INFO)
    try:
        args = build_parser(given).parse_args(given)
        code = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # as in `alike parameters yaml | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (AlikeError, OSError) as error:
        print(f'alike: {" ".join(str(error).split())}', file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser that knows the command asked for, or all of them when none is.

    So a command costs the imports of its own file only, and --help none of a network.
    """
    parser = argparse.ArgumentParser(
        prog='alike', description='ALIKE keypoints, descriptors and tracks.'
    )
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    named = [name for name in COMMANDS if arguments and arguments[0] == name]
    for name in named or COMMANDS:
        command = import_module(f'alike_ros.cli.{name}')
        subparser = commands.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        command.add_arguments(subparser)
        subparser.set_defaults(run=command.run)
    return parser


if __name__ == '__main__':
    sys.exit(main())
