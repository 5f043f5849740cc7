#!/bin/sh
# Serves the state in $SITE_STATE on 127.0.0.1:$SITE_PORT.
set -eu
cd "$SITE_FOLDER/program"
export DJANGO_SETTINGS_MODULE=shop_settings PYTHONDONTWRITEBYTECODE=1
exec bin/python -m waitress --listen="127.0.0.1:$SITE_PORT" --threads=4 shop_wsgi:application
