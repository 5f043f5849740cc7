#!/bin/sh
# Serves the state in $SITE_STATE on 127.0.0.1:$SITE_PORT: one request after the other, by one process.
set -eu
cd "$SITE_FOLDER/program"
MW_CONFIG_FILE="$SITE_FOLDER/program/wiki_settings.php"
export MW_CONFIG_FILE
exec ./php -d opcache.validate_timestamps=0 -d "opcache.file_cache=$SITE_FOLDER/compiled" -d memory_limit=256M \
  -S "127.0.0.1:$SITE_PORT" -t mediawiki wiki_router.php
