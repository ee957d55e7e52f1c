#!/bin/bash
# Private container engines, side by side, each in its own mount and process namespace, with its own state and /run.
#
#   lab.sh setup [old|new] [--with podman]   make the roots (roots.sh); both by default
#   lab.sh open                   make a laboratory's directory; prints it (set LAB_DIR to it for everything below)
#   lab.sh start ENGINE...        start, wait until it listens; prints its socket (registry: its address)
#   lab.sh stop ENGINE...         ask the engine to end, then end its cell
#   lab.sh kill9 ENGINE           kill the engine's process alone: its helpers and containers stay, as after a crash
#   lab.sh cut ENGINE             end everything in its cell at once, as when the power goes
#   lab.sh wipe ENGINE...         cut and delete its state
#   lab.sh disk ENGINE BYTES|OTHER  give it a disk of that size, or room on the disk of another engine, before its first start
#   lab.sh network ENGINE ADDRESS give it a network of its own, before its first start, with a cable to every other that has one
#   lab.sh unplug|plug ENGINE     take its cables off, and put them on again
#   lab.sh save ENGINE DIR        stop it and copy its state (images made once, restored in seconds)
#   lab.sh restore ENGINE DIR     replace its state by a saved one; it counts as another engine (own engine ID)
#   lab.sh sock|pid ENGINE, exec ENGINE CMD..., status
#   lab.sh guard                  wait for the end of standard input, then destroy: a safety net for LAB_DIR's owner
#   lab.sh destroy                end every cell of LAB_DIR and delete it
#
# ENGINE is a kind, or kind@name to have several of a kind:
#   docker-old-overlay2 docker-new-overlay2 docker-new-containerd registry
#   containerd-old containerd-new     (in Docker's roots; see optional-engines.sh)
#   podman-old podman-new             (after setup --with podman; likewise)
# "old" is Debian bookworm, "new" is Debian sid (LAB_OLD_SUITE, LAB_NEW_SUITE). LAB_BASE: where open makes directories.
#
# A cell is a process (tini) that is number 1 of a process namespace and holds a mount namespace. When it ends, the
# kernel ends everything inside and every mount is gone: nothing has to be looked for. Cells and engines are known by
# process number and start time, both recorded by the process itself; nothing is ever found by name.
set -u
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OLD_SUITE=${LAB_OLD_SUITE:-bookworm} NEW_SUITE=${LAB_NEW_SUITE:-sid}
LAB_DIR=${LAB_DIR:-}
die() { echo "lab: $*" >&2; exit 1; }

kind() { echo "${1%%@*}"; }
dir() { echo "$LAB_DIR/$1"; }
need_lab() { case $LAB_DIR in /*/imagegc-lab-*) [ -e "$LAB_DIR/.imagegc-lab" ] && return;; esac; die "LAB_DIR does not name a laboratory's directory (lab.sh open makes one): '$LAB_DIR'"; }
root_of() { # ENGINE: the root its kind lives in
  local suite set=docker; case $(kind "$1") in
    docker-old-overlay2|registry) suite=$OLD_SUITE;; docker-new-overlay2|docker-new-containerd) suite=$NEW_SUITE;;
    containerd-old) suite=$OLD_SUITE;; containerd-new) suite=$NEW_SUITE;;
    podman-old) suite=$OLD_SUITE set=podman;; podman-new) suite=$NEW_SUITE set=podman;;
    *) die "unknown engine $1";; esac
  local root; root=$("$HERE/roots.sh" path "$suite" "$set"); [ -e "$root/.lab-root" ] || die "run '$0 setup' first: $root is not there"
  echo "$root"; }
sock() { case $(kind "$1") in
  docker-*) echo "$(dir "$1")/docker.sock";; podman-*) echo "$(dir "$1")/podman.sock";; containerd-*) echo "$(dir "$1")/containerd.sock";;
  registry) cat "$(dir "$1")/address" 2>/dev/null;; esac; }

# --- processes: a record is "PID START", START being field 22 of /proc/PID/stat, so a reused number is not mistaken
alive() { # PID START
  local stat f; { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra f <<<"${stat##*) }"; [ "${f[0]}" != Z ] && [ "${f[0]}" != X ] && [ "${f[19]}" = "$2" ]; }
recorded() { # FILE: prints the PID if it is alive
  local p s; [ -s "$1" ] && read -r p s <"$1" && alive "$p" "$s" && echo "$p"; }
wait_gone() { # FILE TENTHS
  local i; for ((i = 0; i < $2 * 2; i++)); do recorded "$1" >/dev/null || return 0; sleep 0.05; done; return 1; }
RECORD='read -r stat </HOSTPROC/self/stat; rest=${stat##*) }; pid=${stat%% *}; set_() { shift 19; echo "$pid $1"; }; '

# Runs as number 1 of the new process namespace. An overlay keeps the root untouched, so that engines share it.
# The engine's directory is mounted at the path it has outside: what it calls its data root can be seen from the host.
CELL=${RECORD/HOSTPROC/proc}'set_ $rest >"$S/cell"; [ ! -e "$LAB_DIR/closing" ]
  cd "$R"; mount -t tmpfs none /mnt; mkdir /mnt/r
  mount -t overlay -o "lowerdir=.,upperdir=$S/upper,workdir=$S/work" none /mnt/r
  cd /mnt/r; mkdir -p host-proc
  mount --rbind /proc host-proc; mount --rbind /sys sys; mount --rbind /dev dev
  mount -t tmpfs none run; mount -t tmpfs none tmp
  while umount -l dev/shm 2>/dev/null; do :; done # else a cell would hold the disks of other laboratories
  mount -t tmpfs none dev/shm # of a laboratory kept there, this engine sees its own directory only
  [ -e var/run ] || ln -s ../run var/run
  mkdir -p "./$S" run/lock var/tmp; mount --rbind "$S" "./$S"
  [ ! -e /etc/resolv.conf ] || cp -L /etc/resolv.conf etc/ 2>/dev/null || :
  [ ! -e /etc/hosts ] || cp -L /etc/hosts etc/ 2>/dev/null || :
  pivot_root . mnt; cd /
  export PATH=/usr/sbin:/usr/bin:/sbin:/bin
  /bin/busybox umount -l /mnt; /bin/busybox mount -t proc proc /proc
  for d in docker containerd containers; do /bin/busybox mkdir -p "/var/lib/$d" "$S/var/$d"; /bin/busybox mount --bind "$S/var/$d" "/var/lib/$d"; done
  echo ready; exec >/dev/null; exec /usr/bin/tini-static -s -- /bin/busybox sleep 2147483647'

open_cell() { # ENGINE
  local e=$1 s root line; s=$(dir "$e"); root=$(root_of "$e") || exit 1
  recorded "$s/cell" >/dev/null && return
  rm -f "$s/cell" "$s/pid" "$s"/*.sock* "$s/docker.pid"; rm -rf "$s/work"; mkdir -p "$s"/{upper,work,var}
  # the engine keeps its own time zone and language out of it: a fixed environment
  local -a own=(); [ ! -e "$s/network" ] || own=(--net)
  read -r line < <(exec env -i S="$s" R="$root" LAB_DIR="$LAB_DIR" PATH=/usr/sbin:/usr/bin:/sbin:/bin setsid \
    unshare "${own[@]}" --mount --pid --fork --kill-child --propagation private /bin/sh -ec "$CELL" </dev/null 2>"$s/cell.log")
  [ "${line:-}" = ready ] || { tail -n 5 "$s/cell.log" >&2; close_cell "$e"; die "no cell for $e"; }
  [ ! -e "$s/network" ] || plug "$e"
}
# --- networks: a cable (veth) between every two cells that have one; both ends are gone when a cell ends
in_network() { local p; p=$(recorded "$(dir "$1")/cell") || die "$1 is not running"; shift; nsenter --net --target "$p" "$@"; }
each_other() { local f e; for f in "$LAB_DIR"/*/network; do e=${f%/network}; e=${e##*/}
  [ "$e" != "$1" ] && recorded "$LAB_DIR/$e/cell" >/dev/null && echo "$e"; done; }
cable() { echo "to-${1##*.}"; } # ADDRESS: the end that leads there
attach_end() { # ENGINE OTHERS-ADDRESS
  in_network "$1" ip address add "$(cat "$(dir "$1")/network")/32" dev "$(cable "$2")" && in_network "$1" ip link set "$(cable "$2")" up &&
    in_network "$1" ip route add "$2/32" dev "$(cable "$2")" src "$(cat "$(dir "$1")/network")"; }
plug() { # ENGINE
  local other mine theirs; mine=$(cat "$(dir "$1")/network"); in_network "$1" ip link set lo up || die "cannot make a network for $1"
  for other in $(each_other "$1"); do theirs=$(cat "$(dir "$other")/network")
    in_network "$1" ip link add "$(cable "$theirs")" type veth peer name "$(cable "$mine")" netns "$(recorded "$(dir "$other")/cell")" &&
      attach_end "$1" "$theirs" && attach_end "$other" "$mine" || die "cannot make a cable between $1 and $other"; done; }
unplug() { local other; for other in $(each_other "$1"); do in_network "$1" ip link delete "$(cable "$(cat "$(dir "$other")/network")")"; done; }
close_cell() { # ENGINE: everything in the cell ends with it
  local p f; f=$(dir "$1")/cell
  p=$(recorded "$f") && { kill -9 "$p" 2>/dev/null; wait_gone "$f" 100 || die "the cell of $1 (process $p) does not end"; }
  rm -f "$f" "$(dir "$1")/pid"; remove_cgroups "$1"; }
cgroup_name() { echo "${LAB_DIR##*/}/$1"; }
remove_cgroups() { # ENGINE or "" for all of this laboratory's
  local c i; for c in /sys/fs/cgroup /sys/fs/cgroup/*; do c=$c/$(cgroup_name "$1"); [ -d "$c" ] || continue
    for ((i = 0; i < 20; i++)); do find "$c" -depth -type d -exec rmdir {} + 2>/dev/null; [ -d "$c" ] || break; sleep 0.05; done; done; }
in_cell() { # ENGINE CMD... (never returns)
  local e=$1 p; p=$(recorded "$(dir "$1")/cell") || die "$1 is not running"; shift
  local -a own=(); [ ! -e "$(dir "$e")/network" ] || own=(--net)
  exec nsenter "${own[@]}" --mount --pid --target "$p" /bin/busybox env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root "$@"; }

# --- engines
docker_config() {
  # short, because the containers of a test have nothing to say at their end
  local common='"shutdown-timeout": 3'
  case $1 in
    docker-old-overlay2) echo "{ $common, \"storage-driver\": \"overlay2\" }";;
    docker-new-overlay2) echo "{ $common, \"storage-driver\": \"overlay2\", \"features\": { \"containerd-snapshotter\": false } }";;
    docker-new-containerd) echo "{ $common, \"features\": { \"containerd-snapshotter\": true } }";;
  esac; }
registry_config() { # port 0: the kernel picks a free one, the log tells which; a restart keeps it
  cat <<C
version: 0.1
log: {level: info}
storage: {filesystem: {rootdirectory: $1/data}, delete: {enabled: true}, cache: {blobdescriptor: ""}}
http: {addr: "$(cat "$1/address" 2>/dev/null || echo 127.0.0.1:0)"}
C
}
configure() { # ENGINE: a file "keep-config" in its directory makes start keep the configuration that is there
  local k s; k=$(kind "$1") s=$(dir "$1"); mkdir -p "$s"; [ ! -e "$s/keep-config" ] || return 0
  case $k in docker-*) docker_config "$k" >"$s/daemon.json";; registry) mkdir -p "$s/data"; registry_config "$s" >"$s/config.yml";; *) optional_config "$1";; esac; }
command_of() { # ENGINE: sets CMD. No bridge, no firewall rule, no forwarding: the host's network stays as it is
  local k s; k=$(kind "$1") s=$(dir "$1")
  case $k in
    docker-*) local data="$s/data"; local -a usual=()
      # one of several nodes is where each of them expects it
      [ ! -e "$s/network" ] || { data=/var/lib/docker; usual=(-H unix:///var/run/docker.sock); }
      CMD=(dockerd "${usual[@]}" --config-file "$s/daemon.json" --data-root "$data" --exec-root /run/docker --pidfile "$s/docker.pid" -H "unix://$s/docker.sock"
        --bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false --cgroup-parent "/$(cgroup_name "$1")");;
    registry) CMD=(docker-registry serve "$s/config.yml");;
    *) optional_command "$1";;
  esac; }
listening() { # ENGINE
  local s; s=$(dir "$1"); case $(kind "$1") in
    registry) local a; a=$(tail -n +"$2" "$s/log" | grep -om1 'listening on [0-9.]*:[0-9]*') && echo "${a#listening on }" >"$s/address";;
    *) [ -S "$(sock "$1")" ];; esac; }
start() {
  local e=$1 s i from; local -a CMD; s=$(dir "$e"); root_of "$e" >/dev/null || exit 1
  if recorded "$s/pid" >/dev/null; then sock "$e"; return; fi
  configure "$e"; open_cell "$e"; command_of "$e"
  rm -f "$s/pid" "$s"/*.sock; touch "$s/log"; from=$(($(wc -l <"$s/log") + 1))
  in_cell "$e" /bin/busybox setsid /bin/sh -c "${RECORD/HOSTPROC/host-proc}"'set_ $rest >"$0/pid"; exec "$@"' "$s" "${CMD[@]}" </dev/null >>"$s/log" 2>&1 &
  local entering=$!
  for ((i = 0; i < 1200; i++)); do
    if listening "$e" "$from" && recorded "$s/pid" >/dev/null; then sock "$e"; return; fi
    if ! kill -0 "$entering" 2>/dev/null; then tail -n 5 "$s/log" >&2; close_cell "$e"; die "$e ended while starting"; fi
    sleep 0.05
  done
  tail -n 5 "$s/log" >&2; die "$e does not listen"
}
stop() { local p s; s=$(dir "$1")
  if p=$(recorded "$s/pid"); then kill "$p"; wait_gone "$s/pid" 200 || echo "lab: $1 did not end when asked" >&2; fi
  close_cell "$1"; rm -f "$s"/*.sock* "$s/docker.pid"; }
kill9() { local p s; s=$(dir "$1"); p=$(recorded "$s/pid") || die "$1 is not running"; kill -9 "$p"; wait_gone "$s/pid" 100; rm -f "$s/pid"; }
save() { stop "$1"; rm -rf "${2:?}"; mkdir -p "$2"; cp -a --reflink=auto "$(dir "$1")/data" "$2/data"; }
# A file system of a given size for the engine's data root, mounted where both the host and the cell see it.
disk() { local d; d=$(dir "$1")/data; [ ! -e "$d" ] || die "$1 has a data root already"
  mkdir -p "$d"; case $2 in
    *@*) set -- "$1" "$(dir "$2")/data/$1"; mkdir -p "$2"; mount --bind "$2" "$d";;
    *) mount -t tmpfs -o "size=$2,mode=711" "${LAB_DIR##*/}" "$d";;
  esac || die "cannot mount a disk for $1"; }
unmount_disks() { # UNDER
  local m; awk -v d="$1/" 'index($2, d) == 1 { print $2 }' /proc/self/mounts | while read -r m; do umount "$m" 2>/dev/null || umount -l "$m"; done; }
restore() { local s; s=$(dir "$1"); [ -d "$2/data" ] || die "$2 holds no saved state"
  close_cell "$1"; mkdir -p "$s"; rm -rf "${s:?}"/{upper,var}; mkdir -p "$s/data"
  find "$s/data" -mindepth 1 -delete; cp -a --reflink=auto "$2/data/." "$s/data" # the directory itself may be a disk
  # a clone is another engine; podman's databases name the old path, and hold no images
  rm -rf "$s"/data/engine-id "$s"/data/libpod "$s"/data/db.sql*; }

# --- laboratories
free_bytes() { local b n; read -r b n < <(stat -f -c '%S %a' "$1" 2>/dev/null) && echo $((b * n)) || echo 0; }
open_lab() { # in memory if there is room: an engine's syncs are what costs on disk
  local base=${TMPDIR:-/tmp} d
  if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] && [ "$(free_bytes /dev/shm)" -ge 6000000000 ] &&
    ! awk '$2 == "/dev/shm" && $4 ~ /(^|,)(noexec|ro)(,|$)/ { bad = 1 } END { exit !bad }' /proc/mounts; then base=/dev/shm; fi
  d=$(mktemp -d "${LAB_BASE:-$base}/imagegc-lab-XXXXXX") && chmod 755 "$d" && : >"$d/.imagegc-lab" && echo "$d"; }
destroy() { # closing is set before cells are looked for, and a cell looks for it after it has recorded itself
  local c i; : >"$LAB_DIR/closing"
  for ((i = 0; i < 50; i++)); do
    for c in "$LAB_DIR"/*/cell; do [ -e "$c" ] && { c=${c%/cell}; close_cell "${c##*/}"; }; done
    remove_cgroups ""; unmount_disks "$LAB_DIR"; rm -rf --one-file-system "$LAB_DIR" 2>/dev/null; [ -e "$LAB_DIR" ] || return 0; sleep 0.1
  done; die "cannot delete $LAB_DIR"; }

case " $* " in *" podman-"*|*" containerd-"*) . "$HERE/optional-engines.sh";; esac
c=${1:-}; [ $# -gt 0 ] && shift
case $c in
  setup) set_=docker which="" rc=0
    while [ $# -gt 0 ]; do case $1 in --with) set_=${2:-}; shift;; old) which+=" $OLD_SUITE";; new) which+=" $NEW_SUITE";; *) die "setup: $1?";; esac; shift; done
    for suite in ${which:-$OLD_SUITE $NEW_SUITE}; do "$HERE/roots.sh" extract "$suite" "$set_" & done
    for p in $(jobs -p); do wait "$p" || rc=1; done; exit $rc;;
  open) open_lab; exit;;
  start|stop|kill9|cut|wipe|disk|network|unplug|plug|save|restore|sock|pid|exec|status|guard|destroy) need_lab;;&
  start) for e in "$@"; do start "$e"; done;;
  stop) for e in "$@"; do stop "$e"; done;;
  kill9) kill9 "$1";;
  cut) close_cell "$1";;
  wipe) for e in "$@"; do close_cell "$e"; unmount_disks "$(dir "$e")"; rm -rf --one-file-system "$(dir "${e:?}")"; done;;
  disk) disk "$1" "$2";;
  network) mkdir -p "$(dir "$1")" && echo "$2" >"$(dir "$1")/network";;
  unplug) unplug "$1";;
  plug) plug "$1";;
  save) save "$1" "$2";;
  restore) restore "$1" "$2";;
  sock) sock "$1";;
  pid) recorded "$(dir "$1")/pid";;
  exec) in_cell "$@";;
  status) for f in "$LAB_DIR"/*/log; do [ -e "$f" ] && { e=${f%/log}; e=${e##*/}; echo "$e $(recorded "$LAB_DIR/$e/pid" || echo stopped) $(sock "$e")"; }; done;;
  guard) trap '' INT TERM HUP; cat >/dev/null; destroy;;
  destroy) destroy;;
  *) sed -n '2,/^set -u/p' "$0" | grep '^#'; exit 2;;
esac
