#!/bin/sh
# Makes the shop in $SITE_FOLDER: `program` (Python packages, styles and scripts) and `seed` (its first state).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python3 -m venv "$SITE_FOLDER/program"
"$SITE_FOLDER/program/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt"
cp "$here"/*.py "$SITE_FOLDER/program/"
mkdir "$SITE_FOLDER/seed"
cd "$SITE_FOLDER/program"
export PYTHONWARNINGS=ignore SITE_STATE="$SITE_FOLDER/seed" DJANGO_SETTINGS_MODULE=shop_settings
bin/python -m django collectstatic --no-input --verbosity 0
bin/python -m django migrate --no-input --verbosity 0
bin/python seed.py
bin/python -m django rebuild_index --noinput --verbosity 0
