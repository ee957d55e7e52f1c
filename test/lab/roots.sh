#!/bin/bash
# The private roots that the lab's engines run in: one per Debian suite, extracted with mmdebstrap, never installed.
#
#   roots.sh extract SUITE [SET]   make <checkout>/.lab/roots/SUITE[-SET] unless it is there; prints its path
#   roots.sh path SUITE [SET]      print where it is or would be
#   roots.sh versions SUITE [SET]  print the engine versions found in it
#   roots.sh tools                 install what extraction itself needs (mmdebstrap), if it is missing
#   roots.sh mirrors               print the apt entries of this machine that are Debian's own, best first
#
# SET: docker (default); podman (Podman, Buildah, and what containerd needs beside itself); or clean (Debian's essential packages, set up, so
# that dpkg works in it: for installing our own package).
# LAB_ROOTS moves the cache, LAB_MIRROR replaces the search for a mirror. Whatever is fetched must be signed by
# Debian's own keyring, so a wrong mirror makes the extraction fail; it cannot put foreign files into a root.
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOTS=${LAB_ROOTS:-$(cd "$HERE/../.." && pwd)/.lab/roots}
APT=${LAB_APT:-/etc/apt} # tests look for mirrors elsewhere
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
die() { echo "lab: $*" >&2; exit 1; }

packages() { # SUITE SET
  local list=containerd,runc,tini,busybox-static
  case $2 in
    docker) list=docker.io,$list; case $1 in bookworm) list+=,docker-registry;; esac;;
    # tini-static is a package of its own since bookworm; docker.io depends on it
    podman) case $1 in bookworm) ;; *) list+=,tini-static;; esac
      list+=,podman,buildah,conmon,crun,iptables,nftables,iproute2,containernetworking-plugins,fuse-overlayfs,catatonit,ca-certificates,dash,sed,coreutils;;
    clean) list=libatomic1,libstdc++6;;
    *) die "no package set $2";;
  esac
  echo "$list"
}
root_path() { case $2 in docker) echo "$ROOTS/$1";; *) echo "$ROOTS/$1-$2";; esac; }

# An apt entry is Debian's own when it offers a suite of Debian's with the component main and is signed by Debian's
# keyring, or does not say by what. A third party's repository says its own key, or has other suites or components.
mirrors() {
  [ -z "${LAB_MIRROR:-}" ] || { echo "$LAB_MIRROR"; return; }
  { cat "$APT"/sources.list.d/*.sources 2>/dev/null | deb822_entries
    cat "$APT"/sources.list "$APT"/sources.list.d/*.list 2>/dev/null | one_line_entries; } |
    debians_own | sort -s -n -k1,1 | cut -d' ' -f2- | first_of_mirror_lists | awk '!seen[$0]++'
}
# both print "signed-by|uri|suites|components", one line per URI; a | cannot stand in any of them
deb822_entries() { awk '
  function flush(  n, uri, i) {
    if (f["types"] ~ /(^| )deb( |$)/ && tolower(f["enabled"]) !~ /^(no|false|0|off|disable)$/) {
      n = split(f["uris"], uri, " "); for (i = 1; i <= n; i++) print f["signed-by"] "|" uri[i] "|" f["suites"] "|" f["components"] }
    delete f; key = "" }
  /^#/ { next }
  FNR > 0 && /^[[:space:]]*$/ { flush(); next }
  /^[A-Za-z]/ { i = index($0, ":"); key = tolower(substr($0, 1, i - 1)); if (key == "types" && "types" in f) flush(); key = tolower(substr($0, 1, i - 1)); v = substr($0, i + 1); gsub(/^[[:space:]]+|[[:space:]]+$/, "", v); f[key] = v; next }
  /^[[:space:]]/ { v = $0; gsub(/^[[:space:]]+|[[:space:]]+$/, "", v); f[key] = f[key] " " v }
  END { flush() }'; }
one_line_entries() { sed -E 's/#.*//' | awk '$1 == "deb" {
  signed = ""; line = $0; sub(/^[[:space:]]*deb[[:space:]]+/, "", line)
  if (match(line, /^\[[^]]*\][[:space:]]*/)) { opts = substr(line, 1, RLENGTH); line = substr(line, RLENGTH + 1)
    if (match(opts, /signed-by=[^] ]+/)) signed = substr(opts, RSTART + 10, RLENGTH - 10) }
  n = split(line, w, /[[:space:]]+/); c = ""; for (i = 3; i <= n; i++) c = c " " w[i]
  print signed "|" w[1] "|" w[2] "|" c }'; }
debians_own() { awk -F'|' '
  $1 != "" && $1 !~ /debian-archive-[a-z-]*\.(gpg|asc|pgp)/ { next }
  (" " $3 " ") !~ / (oldoldstable|oldstable|stable|testing|unstable|sid|bullseye|bookworm|trixie|forky|duke)(-updates|-backports)? / { next }
  (" " $4 " ") !~ / main / { next }
  $2 ~ /^cdrom:/ { next }
  { print ($1 == "") " " $2 }'; }
# Debian's cloud images write mirror+file:/etc/apt/mirrors/debian.list; inside the file are plain addresses
first_of_mirror_lists() { local m f; while read -r m; do case $m in
  mirror+file:*) f=${m#mirror+file:}; awk '!/^#/ && NF { print $1; exit }' "/${f##*(/)}" 2>/dev/null;;
  *) echo "$m";; esac; done; }

# what this machine's apt was told about reaching its mirrors holds for the extraction too
apt_options() {
  apt-config dump 2>/dev/null | grep -E '^Acquire::(http|https|ftp)::(Proxy|ProxyAutoDetect|Verify|CaInfo|Timeout)[^ ]* "[^"]+";$'
  # a mirror frozen at a date serves a moving suite past its Valid-Until; its signature is checked all the same
  echo 'Acquire::Check-Valid-Until "false";'; echo 'Acquire::Check-Date "false";'; echo 'Acquire::Languages "none";'
}

extract() { # SUITE SET
  local suite=$1 set=$2 root list; root=$(root_path "$suite" "$set"); list=$(packages "$suite" "$set") || exit 1
  mkdir -p "$ROOTS"
  # the lock makes a second run wait for the first one's root; the rename makes a root appear only when it is whole
  exec 9>"$ROOTS/.lock-$suite-$set"; flock 9
  if [ "$(head -n 1 "$root/.lab-root" 2>/dev/null)" = "$list" ]; then echo "$root"; return; fi
  rm -rf "$ROOTS/.making-$suite-$set".*
  local making mirror log="$ROOTS/.log-$suite-$set"; making=$(mktemp -d "$ROOTS/.making-$suite-$set.XXXXXX") || exit 1
  local variant=extract; [ "$set" != clean ] || variant=essential
  [ -r "$KEYRING" ] || die "missing: $KEYRING (package debian-archive-keyring)"
  local -a opts=(); while read -r mirror; do opts+=(--aptopt="$mirror"); done < <(apt_options)
  for mirror in $(mirrors); do
    rm -rf "$making"; mkdir "$making"
    # it inherits the lock: should this script be killed, the next run waits until mmdebstrap has ended too
    mmdebstrap --variant=$variant --mode=root --skip=check/empty "${opts[@]}" --include="$list" \
      "$suite" "$making" "deb [signed-by=$KEYRING] $mirror $suite main" >"$log" 2>&1 || continue
    [ "$set" = clean ] || complete "$making"
    { echo "$list"; versions_of "$making"; } >"$making/.lab-root"
    rm -rf "$root"; mv -T "$making" "$root"; rm -f "$log"; echo "$root"; return
  done
  rm -rf "$making"
  [ -s "$log" ] || die "no apt entry of this machine is Debian's own (suite of Debian, component main, Debian's keyring); set LAB_MIRROR"
  die "extracting Debian $suite failed ($(grep -m 1 '^E:' "$log" || tail -n 1 "$log")); the whole log is $log"
}
# "extract" runs no maintainer script: make by hand what the engines need, drop what they do not
complete() {
  local r=$1 d
  for d in bin sbin lib lib64; do [ -e "$r/$d" ] || ! [ -e "$r/usr/$d" ] || ln -s "usr/$d" "$r/$d"; done
  mkdir -p "$r"/{proc,sys,dev,run,root,mnt,home,etc,tmp,var/lib}; chmod 1777 "$r/tmp"
  [ -e "$r/bin/busybox" ] || ln -s ../usr/bin/busybox "$r/bin/busybox"
  [ -e "$r/bin/sh" ] || ln -s busybox "$r/bin/sh"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >"$r/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$r/etc/group"
  rm -rf "$r"/usr/share/{doc,man,locale,info,perl,zoneinfo} "$r"/usr/lib/*/perl* "$r"/var/cache/apt "$r"/var/lib/apt/lists "$r"/usr/sbin/{dnet,ovrouter} "$r"/usr/bin/{dnet,ovrouter}
}
versions_of() {
  # with /proc, without which a newer Podman says nothing; in a mount namespace of its own, so that nothing stays mounted
  local t; for t in dockerd containerd runc podman buildah docker-registry; do
    unshare --mount --propagation private /bin/sh -c 'mount --rbind /proc "$1/proc" && exec chroot "$1" /bin/sh -c "PATH=/usr/sbin:/usr/bin:/sbin:/bin; command -v $2 >/dev/null && $2 --version"' sh "$1" "$t" 2>/dev/null |
      awk -v t="$t" 'match($0, /[0-9]+\.[0-9]+[^ ,]*/) && !done { print t, substr($0, RSTART, RLENGTH); done = 1 }'
  done
}

# The one thing that is installed. No service may start through it, whatever it depends on, now or later.
tools() {
  mkdir -p "$ROOTS"; exec 9>"$ROOTS/.lock-tools"; flock 9
  command -v mmdebstrap >/dev/null && return
  local policy=/usr/sbin/policy-rc.d own=""
  if [ ! -e $policy ]; then own=$policy; trap 'rm -f "$own"' EXIT; printf '#!/bin/sh\nexit 101\n' >$policy; chmod 755 $policy; fi
  local -a install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q -o DPkg::Lock::Timeout=300 --no-remove --no-install-recommends mmdebstrap)
  local log; log=$(mktemp)
  # the package lists may be absent or old on a fresh machine
  "${install[@]}" >"$log" 2>&1 9>&- || { apt-get update -q >"$log" 2>&1 9>&- && "${install[@]}" >"$log" 2>&1 9>&-; } ||
    { local why; why=$(grep -m 1 '^E:' "$log"); rm -f "$log"; die "mmdebstrap is missing, and apt-get cannot install it ($why)"; }
  rm -f "$log"
}

shopt -s extglob
c=${1:-}; suite=${2:-}; set_=${3:-docker}
case $c in
  extract) extract "$suite" "$set_";;
  path) root_path "$suite" "$set_";;
  versions) tail -n +2 "$(root_path "$suite" "$set_")/.lab-root" 2>/dev/null;;
  mirrors) mirrors;;
  tools) tools;;
  *) sed -n '2,/^set -u/p' "$0" | grep '^#'; exit 2;;
esac
