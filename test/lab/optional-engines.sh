# Sourced by lab.sh for containerd-*, which lives in Docker's roots, and podman-*, which lives in roots of its own (`lab.sh setup --with podman`).
# What differs from Docker is how they are configured and started.

lab_registries() { cat "$LAB_DIR"/registry*/address 2>/dev/null; }
is_old() { case $(kind "$1") in *-old) return 0;; esac; return 1; }

optional_config() { # ENGINE
  local s; s=$(dir "$1")
  case $(kind "$1") in podman-*) podman_config "$s";; containerd-*) containerd_config "$1" "$s";; *) die "unknown engine $1";; esac
}
podman_config() {
  local s=$1 a
  # file events, no journald; cgroupfs, no systemd; runc, because crun refuses hybrid cgroups
  cat >"$s/containers.conf" <<C
[containers]
netns = "host"
log_driver = "k8s-file"
[engine]
events_logger = "file"
cgroup_manager = "cgroupfs"
runtime = "lab"
image_default_transport = "docker://"
[engine.runtimes]
lab = ["$s/runtime"]
C
  # podman asks for limits above the hard ones, which needs CAP_SYS_RESOURCE: take them out
  cat >"$s/runtime" <<'C'
#!/bin/sh
b=; p=; for a in "$@"; do case "$p" in --bundle|-b) b=$a;; esac; p=$a; done
[ -z "$b" ] || /bin/busybox sed -i -E 's/"rlimits":\[[^]]*\]/"rlimits":[]/; s/,"oomScoreAdj":-?[0-9]+//; s/"oomScoreAdj":-?[0-9]+,?//' "$b/config.json"
exec runc "$@"
C
  chmod +x "$s/runtime"
  printf '[storage]\ndriver = "overlay"\ngraphroot = "%s/data"\nrunroot = "/run/containers/storage"\n' "$s" >"$s/storage.conf"
  echo 'unqualified-search-registries = ["docker.io"]' >"$s/registries.conf"
  for a in $(lab_registries); do printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$a" >>"$s/registries.conf"; done
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$s/policy.json"
}
containerd_config() { # a pod needs the sandbox image docker.io/lab/pause:v1: load any image whose command sleeps
  local e=$1 s=$2 a
  { if is_old "$e"; then echo 'version = 2'; else echo 'version = 3'; fi
    printf 'root = "%s/data"\nstate = "/run/containerd"\n[grpc]\n  address = "%s/containerd.sock"\n' "$s" "$s"
    if is_old "$e"; then cat <<C
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/lab/pause:v1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$s/certs.d"
C
    else cat <<C
[plugins."io.containerd.cri.v1.images"]
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "docker.io/lab/pause:v1"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "$s/certs.d"
[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  disable_apparmor = true
C
    fi; } >"$s/config.toml"
  for a in $(lab_registries); do
    mkdir -p "$s/certs.d/$a"; printf 'server = "http://%s"\n[host."http://%s"]\n  capabilities = ["pull","resolve"]\n' "$a" "$a" >"$s/certs.d/$a/hosts.toml"
  done
}
optional_command() { # ENGINE: sets CMD
  local s; s=$(dir "$1")
  case $(kind "$1") in
    # podman reads the signature policy only from /etc/containers, which in a cell is the cell's own
    podman-*) CMD=(/bin/sh -c 'mkdir -p /etc/containers; cp "$0/policy.json" /etc/containers/; exec /bin/busybox env "$@"' "$s"
        "CONTAINERS_CONF=$s/containers.conf" "CONTAINERS_STORAGE_CONF=$s/storage.conf" "CONTAINERS_REGISTRIES_CONF=$s/registries.conf" "REGISTRIES_CONFIG_PATH=$s/registries.conf"
        podman system service --time 0 "unix://$s/podman.sock");;
    containerd-*) CMD=(containerd -c "$s/config.toml");;
    *) die "unknown engine $1";;
  esac
}
