#!/bin/sh
# Serves the state in $SITE_STATE on 127.0.0.1:$SITE_PORT.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# For what git dates by itself.
[ -z "$SITE_CLOCK" ] || export GIT_AUTHOR_DATE="@$SITE_CLOCK +0000" GIT_COMMITTER_DATE="@$SITE_CLOCK +0000"
sh "$here/configure.sh" > "$SITE_RUN/app.ini"
exec "$SITE_FOLDER/program/gitea" web --config "$SITE_RUN/app.ini" --work-path "$SITE_STATE"
