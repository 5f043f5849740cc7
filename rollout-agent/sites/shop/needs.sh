#!/bin/sh
# Says what this machine lacks for building the shop, a line each.
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null ||
  echo 'Python 3.11 or newer as "python3" (apt-get install python3)'
python3 -c 'import ensurepip, venv' 2> /dev/null || echo "Python's module venv (apt-get install python3-venv)"
