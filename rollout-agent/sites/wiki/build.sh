#!/bin/sh
# Makes the wiki in $SITE_FOLDER: `program` (MediaWiki and PHP, as unpacked in $SITE_PROGRAM), `messages` and `compiled`
# (what MediaWiki and PHP would otherwise work out again for every copy) and `seed` (its first state).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cp -Rl "$SITE_PROGRAM" "$SITE_FOLDER/program" 2> /dev/null || cp -R "$SITE_PROGRAM" "$SITE_FOLDER/program"
cp "$here"/*.php "$here"/*.wiki "$SITE_FOLDER/program/"
cp "$here/wiki_logo.svg" "$SITE_FOLDER/program/mediawiki/resources/"
cd "$SITE_FOLDER"
mkdir seed run messages compiled
export SITE_STATE="$SITE_FOLDER/seed" SITE_RUN="$SITE_FOLDER/run" TZ=UTC LANG=C.UTF-8
export MW_CONFIG_FILE="$SITE_FOLDER/program/wiki_settings.php" MW_INSTALL_PATH="$SITE_FOLDER/program/mediawiki"
program/php program/wiki_schema.php
program/php program/mediawiki/maintenance/rebuildLocalisationCache.php --lang en --threads 1 > run/log 2>&1 ||
  { cat run/log >&2; exit 1; }
program/php program/seed.php
program/php program/wiki_warm.php "$here/start.sh"
rm -rf run seed/locks
