#!/bin/sh
# Makes the forge in $SITE_FOLDER: `program` (Gitea, as built in $SITE_PROGRAM) and `seed` (its first state).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cp -Rl "$SITE_PROGRAM" "$SITE_FOLDER/program" 2> /dev/null || cp -R "$SITE_PROGRAM" "$SITE_FOLDER/program"
mkdir "$SITE_FOLDER/seed" "$SITE_FOLDER/run"
export SITE_STATE="$SITE_FOLDER/seed" SITE_RUN="$SITE_FOLDER/run" PYTHONDONTWRITEBYTECODE=1
python3 "$here/seed.py"
rm -rf "$SITE_RUN"
