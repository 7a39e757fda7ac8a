# Sourced by scripts/check and scripts/test: the steps that both take, and how long each of them took.
# Everything is compiled in the profile `quick`, so that no step compiles what another has compiled before it.

tools=${HEXREG_TEST_TOOLS_DIR:-$PWD/target/tools}
target=${CARGO_TARGET_DIR:-target}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Tests append to this file what they leave out, and why: a test runner shows no output of a test that passes.
export HEXREG_TEST_LEFT_OUT=$work/left-out

say() { printf '\n== %s\n' "$*"; }

leave_out() {
    echo "LEFT OUT: $*"
    echo "LEFT OUT: $*" >>"$HEXREG_TEST_LEFT_OUT"
}

# Seconds of CPU time that ended children of this shell have used. No `$(times)`: a subshell has no children yet.
cpu_seconds() {
    times >"$work/times"
    cpu=$(tail -n 1 "$work/times" | tr 'ms' '  ' | awk '{ printf "%.0f", $1 * 60 + $2 + $3 * 60 + $4 }')
}

# step NAME COMMAND…: runs a function or program and notes what it took.
step() {
    local name=$1 began=$SECONDS before
    cpu_seconds
    before=$cpu
    say "$name"
    "${@:2}"
    cpu_seconds
    printf '| %s | %d | %d |\n' "$name" $((SECONDS - began)) $((cpu - before)) >>"$work/steps"
}

# The table of all steps, as CONTRIBUTING.md has it.
report() {
    if [ -s "$HEXREG_TEST_LEFT_OUT" ]; then
        say "left out"
        sort -u "$HEXREG_TEST_LEFT_OUT"
    fi
    say "where the time went"
    echo "| step | wall s | CPU s |"
    echo "| --- | ---: | ---: |"
    cat "$work/steps"
    say "all is well, after $((SECONDS / 60)) min $((SECONDS % 60)) s"
}

format() {
    cargo fmt --check
    cargo fmt --check --manifest-path fuzz/Cargo.toml
}

lints() { cargo clippy --profile quick --locked --all-targets -- -D warnings; }

lints_without_features() { cargo clippy --profile quick --locked --no-default-features --all-targets -- -D warnings; }

documentation() { RUSTDOCFLAGS="-D warnings" cargo doc --profile quick --locked --no-deps --document-private-items; }

# cargo-nextest from the PATH or from where scripts/test installs it.
find_nextest() {
    [ ! -x "$tools/nextest/bin/cargo-nextest" ] || PATH="$tools/nextest/bin:$PATH"
    cargo nextest --version >/dev/null 2>&1
}

# Unit tests, the suite, and doc tests. nextest runs each test in a process of its own, retries nothing, and goes on
# after a failure; .config/nextest.toml says which tests need the machine for themselves.
every_test() {
    if find_nextest; then
        cargo nextest run --cargo-profile quick --locked --lib --bins --tests --no-fail-fast
    else
        cargo test --profile quick --locked --lib --bins --tests --no-fail-fast
    fi
    doc_tests
}

# Every test that is in no module named `slow`.
fast_tests() {
    if find_nextest; then
        cargo nextest run --cargo-profile quick --locked --lib --bins --tests --no-fail-fast --profile fast
    else
        cargo test --profile quick --locked --lib --bins --tests --no-fail-fast -- --skip slow::
    fi
    doc_tests
}

# Every fast test of the form without features.
fast_tests_without_features() {
    if find_nextest; then
        cargo nextest run --cargo-profile quick --locked --no-default-features --lib --bins --tests --profile fast
    else
        cargo test --profile quick --locked --no-default-features --lib --bins --tests -- --skip slow::
    fi
}

doc_tests() { cargo test --profile quick --locked --quiet --doc; }

# The quickstart of the README, with the binary that the tests have built: `cargo build` would compile the dependencies
# again, because those of the tests enable features of them. It comes before tests without the default features, which
# build another binary in its place.
quickstart() {
    HEXREG=$target/quick/hexreg scripts/quickstart "$work/demo"
    test -s "$work/demo/public/packages/welcome"
}
