#!/bin/sh
# Serves the state in $SITE_STATE on 127.0.0.1:$SITE_PORT.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sh "$here/configure.sh" > "$SITE_RUN/app.ini"
exec "$SITE_FOLDER/program/gitea" web --config "$SITE_RUN/app.ini" --work-path "$SITE_STATE"
