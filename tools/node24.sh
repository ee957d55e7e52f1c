#!/bin/sh
# node24.sh FOLDER   installs the newest Node 24 that npm has into FOLDER and prints the path of its program.
#
# The oldest line of Node that imagegc runs on (package.json, engines), for testing beside the pinned one. FOLDER is outside
# the checkout: there, its .bin/node would take the place of the pinned one.
set -eu
folder=${1:?usage: node24.sh FOLDER}
case $(uname -m) in
  x86_64) architecture=x64 ;;
  aarch64 | arm64) architecture=arm64 ;;
  *) echo "node24: there is no Node 24 package for $(uname -m)" >&2; exit 1 ;;
esac
package=node-linux-$architecture
mkdir -p "$folder"
npm install --prefix "$folder" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --silent "$package@^24.15.0" >&2
node=$folder/node_modules/$package/bin/node
"$node" --version >&2
echo "$node"
