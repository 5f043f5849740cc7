#!/bin/sh
# Makes MediaWiki and the PHP that it runs on in $SITE_FOLDER, from Debian's packages: they are downloaded and unpacked, not
# installed, so nobody need be root. What the wiki has no use for (extensions, other languages) is left out.
set -eu
work="$SITE_FOLDER/work"
trap 'rm -rf "$work"' EXIT
mkdir "$work"
cd "$work"
# Libraries too: of a Debian that has them already, these are the same.
apt-get download -qq mediawiki mediawiki-classes \
  php8.2-cli php8.2-common php8.2-intl php8.2-mbstring php8.2-opcache php8.2-sqlite3 php8.2-xml \
  libargon2-1 libicu72 libonig5 libpcre2-8-0 libsodium23 libsqlite3-0 libssl3 libxml2 > download.log 2>&1 ||
  { cat download.log >&2; exit 1; }
for package in *.deb; do dpkg-deb -x "$package" system; done

mkdir "$SITE_FOLDER/lib"
cp system/usr/bin/php8.2 "$SITE_FOLDER/lib/php"
cp -P system/usr/lib/*-linux-gnu/*.so.* "$SITE_FOLDER/lib/"
cp -R system/usr/lib/php/2* "$SITE_FOLDER/lib/extensions"
# Whoever calls it says what it may do; no configuration of this machine's is read.
cat > "$SITE_FOLDER/php" << 'SH'
#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
LD_LIBRARY_PATH="$here/lib" exec "$here/lib/php" -n -c "$here/php.ini" -d "extension_dir=$here/lib/extensions" "$@"
SH
chmod +x "$SITE_FOLDER/php"
{
  echo "zend_extension = opcache"
  for name in ctype dom fileinfo iconv intl mbstring pdo pdo_sqlite posix simplexml sqlite3 tokenizer xml xmlreader; do
    echo "extension = $name"
  done
} > "$SITE_FOLDER/php.ini"
missing=$(LD_LIBRARY_PATH="$SITE_FOLDER/lib" ldd "$SITE_FOLDER/lib/php" "$SITE_FOLDER"/lib/extensions/intl.so | grep "not found" || true)
[ -z "$missing" ] || { echo "this machine is not the Debian 12 that apt offers packages of: $missing" >&2; exit 1; }

mkdir "$SITE_FOLDER/mediawiki"
cd system/usr/share/mediawiki
# A link to where Debian's own would be installed.
rm LocalSettings.php
cp -R ./*.php includes languages maintenance resources skins vendor "$SITE_FOLDER/mediawiki/"
cd "$SITE_FOLDER/mediawiki"
rm -rf skins/MinervaNeue skins/MonoBook skins/Timeless
find . -path '*/i18n/*' -name '*.json' ! -name 'en.json' -delete
find languages/messages -name 'Messages*.php' ! -name 'MessagesEn.php' -delete
