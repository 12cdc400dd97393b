# SPDX-License-Identifier: GPL-2.0-or-later
# A private apt: sources, lists, cache and keys in a folder of ours; the host's apt stays as it is.
# shellcheck shell=bash
#
# To be sourced after step.sh. apt reads the file named by APT_CONFIG before any other, so that
# file can point every path of apt into our folder, the folder of its other configuration files
# included. Four things still come from the host:
#   the mirror: whatever the host's own sources name, in either format, as apt itself reads them;
#   how it is reached: the host's Acquire settings (proxies, time-outs) and its auth.conf;
#   the keys: those of the package debian-archive-keyring, and no others;
#   and, where the caller asks for it, what is installed.
# The host may list other vendors' archives too. None is told by its name: each is tried until
# one serves our suites under Debian's signature.

: "${log:?}"
apt_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# apt_private_open DIR ARCH DPKG_STATUS SUITE...
# Makes DIR, exports APT_CONFIG, and fetches the package lists of the suites.
# DPKG_STATUS tells what counts as installed: the host's file, or /dev/null for nothing.
apt_private_open() {
    local dir=$PWD/$1 arch=$2 status=$3 mirror
    shift 3
    [ -r "$apt_keyring" ] ||
        die 69 "no $apt_keyring: install the package debian-archive-keyring"
    apt_read_host_sources
    [ "${#apt_mirrors[@]}" -gt 0 ] ||
        die 69 "no Debian mirror in /etc/apt: add one to /etc/apt/sources.list"
    mkdir -p "$dir/sources" "$dir/none" "$dir/lists/partial" "$dir/archives/partial"
    cat "$status" >"$dir/status"
    apt_write_config "$dir" "$arch" >"$dir/apt.conf.new"
    mv "$dir/apt.conf.new" "$dir/apt.conf"
    export APT_CONFIG=$dir/apt.conf
    for mirror in "${apt_mirrors[@]}"; do
        : >"$log" # of several failures the last one is told
        apt_write_sources "$mirror" "$@" >"$dir/sources/private.sources"
        if step "package lists of $*" apt-get -q -o APT::Status-Fd=1 --error-on=any update; then
            return
        fi
    done
    apt_private_fail "package lists of $*"
}

# Sets apt_mirrors (archives with a plain suite and a main part) and apt_security.
apt_read_host_sources() {
    local targets
    # shellcheck disable=SC2016 # apt expands these
    targets=$(apt-get indextargets --no-release-info 'Created-By: Packages' \
        --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 2>>"$log") ||
        die 69 "apt cannot read its own sources ($(log_complaint)): mend /etc/apt"
    mapfile -t apt_mirrors < <(awk '$3 == "main" && $2 ~ /^[a-z0-9.]+$/ && $1 !~ /^cdrom:/ \
        && !seen[$1]++ { print $1 }' <<<"$targets")
    apt_security=$(awk '$3 == "main" && $2 ~ /-security$/ { print $1; exit }' <<<"$targets")
}

apt_write_config() {
    local dir=$1 arch=$2
    apt-config dump | grep '^Acquire::' |
        grep -Ev '^Acquire::(IndexTargets|Languages|Allow|CompressionTypes|Changelogs)'
    cat <<END
Acquire::Languages "none";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
APT::Architecture "$arch";
APT::Architectures "$arch";
APT::Sandbox::User "root";
Dir::State "$dir";
Dir::State::status "$dir/status";
Dir::Cache "$dir";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::main "/dev/null";
Dir::Etc::parts "$dir/none";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$dir/sources";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "$dir/none";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "$dir/none";
Dir::Log "$dir";
END
}

# A security suite comes from the host's security archive, and is left out where there is none.
apt_write_sources() {
    local mirror=$1 suite uri
    shift
    for suite in "$@"; do
        uri=$mirror
        if [[ $suite == *-security ]]; then
            uri=$apt_security
        fi
        if [ "$uri" ]; then
            printf '%s\n' 'Types: deb' "URIs: $uri" "Suites: $suite" 'Components: main' \
                "Signed-By: $apt_keyring" ''
        fi
    done
}

# deb_versions DEB...: prints package, version and architecture of each.
deb_versions() {
    local deb
    for deb in "$@"; do
        # shellcheck disable=SC2016 # dpkg-deb expands these
        dpkg-deb -W --showformat '${Package} ${Version} ${Architecture}\n' "$deb" || return
    done
}

# apt_private_fail WHAT: ends the script with the cause that the log shows, and its remedy.
apt_private_fail() {
    local remedy="see $log"
    if grep -Eq 'NO_PUBKEY|Missing key|not signed|EXPKEYSIG' "$log"; then
        remedy='upgrade the package debian-archive-keyring'
    elif grep -Eq 'resolv|connect|onnection|timed out|unreachable' "$log"; then
        remedy='check the network and the mirror in /etc/apt, then run tools/setup again'
    elif grep -q 'No space left' "$log"; then
        remedy='free some disk space'
    fi
    die 69 "cannot get $1 ($(log_complaint)): $remedy"
}
