#!/bin/sh
# Makes Gitea in $SITE_FOLDER from its Go module and from npm packages: the server, its templates and translations, its
# styles and scripts. Takes ten minutes and more, once.
set -eu
version=1.22.6
# What is built, whoever serves it: Go's sum database does not know every module everywhere.
sum="h1:PpYsRn7MvGGRtzov4Jv6ExLmMenyyo4ssyqd5WERL0Q="
# The one that this version was released with; the `go` on PATH fetches it as a module.
export GOTOOLCHAIN=go1.23.12 CGO_ENABLED=1

here=$(cd "$(dirname "$0")" && pwd)
work="$SITE_FOLDER/work"
trap 'rm -rf "$work"' EXIT
mkdir "$work"
cd "$work"
GONOSUMDB=code.gitea.io/gitea go mod download -json "code.gitea.io/gitea@v$version" > module.json ||
  { cat module.json >&2; exit 1; }
of_module() { node -p "JSON.parse(require('fs').readFileSync('module.json', 'utf8')).$1"; }
[ "$(of_module Sum)" = "$sum" ] || { echo "Gitea $version is not what it was: $(of_module Sum)" >&2; exit 1; }
cp -R "$(of_module Dir)" gitea
chmod -R u+w gitea
cd gitea

# The same deed makes the same state, hashes of commits included, whenever it is done: Gitea's clock is the site's.
read_site_clock='s/^\tsec, nsec, mono := now()$/&\n\tsec, nsec = siteNow(sec, nsec)/'
edited() { sed "$1" "$2" > "$3" && ! cmp -s "$2" "$3" || { echo "$2 is not what it was" >&2; exit 1; }; }
library=$(go env GOROOT)/src/time
edited "$read_site_clock" "$library/time.go" ../time.go
cat > ../overlay.json << JSON
{"Replace": {"$library/time.go": "$work/time.go", "$library/site_clock.go": "$here/go_site_clock.go"}}
JSON
edited '/ first, normalize the URL path$/i\
	handlers = append(handlers, siteClock)' routers/common/middleware.go ../middleware.go
mv ../middleware.go routers/common/middleware.go
cp "$here/gitea_site_clock.go" routers/common/site_clock.go
go build -trimpath -buildvcs=false -overlay ../overlay.json -tags "sqlite sqlite_unlock_notify" \
  -ldflags "-s -w -X main.Version=$version" -o "$SITE_FOLDER/gitea" .

npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
# Go modules leave out folders of this name; what was in it is a package of its own.
mkdir -p web_src/js/vendor
npm pack --silent jquery.are-you-sure@1.9.0 > /dev/null
tar -xzf jquery.are-you-sure-1.9.0.tgz -C web_src/js/vendor --strip-components=1 package/jquery.are-you-sure.js
ENABLE_SOURCEMAP=false BROWSERSLIST_IGNORE_OLD_DATA=true node_modules/.bin/webpack --stats errors-only
cp -R templates options public "$SITE_FOLDER/"
