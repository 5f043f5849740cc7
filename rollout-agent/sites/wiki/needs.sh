#!/bin/sh
# Says what this machine lacks for building the wiki, a line each.
lacks=0
for program in apt-get apt-cache dpkg-deb; do
  command -v "$program" > /dev/null || { echo "\"$program\" on PATH: its programs come from Debian 12 (bookworm)"; lacks=1; }
done
[ "$lacks" = 0 ] || exit 0
for wanted in mediawiki=1.39 php8.2-cli=8.2; do
  name=${wanted%=*} version=${wanted#*=}
  offered=$(apt-cache policy "$name" | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}//p')
  case "$offered" in
    "$version".*) ;;
    *) echo "the package $name $version of Debian 12 (bookworm); apt offers \"${offered:-none}\" (apt-get update?)" ;;
  esac
done
