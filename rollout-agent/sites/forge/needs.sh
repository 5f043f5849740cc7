#!/bin/sh
# Says what this machine lacks for building and serving the forge, a line each.
needs() {
  command -v "$1" > /dev/null || echo "\"$1\" on PATH: $2"
}
needs go "Go 1.21 or newer (apt-get install golang)"
# Older ones know nothing of other versions of themselves, and what is built names the one that it wants.
! command -v go > /dev/null || [ -n "$(go env GOTOOLCHAIN 2> /dev/null)" ] ||
  echo "Go 1.21 or newer (\"go\" is $(go env GOVERSION))"
needs cc "a C compiler, for SQLite (apt-get install gcc libc6-dev)"
needs node "Node.js 18 or newer"
! command -v node > /dev/null || node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 18 ? 1 : 0)' ||
  echo "Node.js 18 or newer (\"node\" is $(node --version))"
needs npm "it comes with Node.js"
needs python3 "Python, for the seed (apt-get install python3)"
needs git "git, for the repositories (apt-get install git)"
needs bash "bash, for Gitea's hooks (apt-get install bash)"
