#!/bin/sh
# Installs an unpacked bundle with nothing but POSIX tools and sha256sum:
#
#   sh install.sh MODEL_DIR [HF_HOME [BUNDLE.tar]]
#
# With BUNDLE.tar: nothing but this file, SHA256SUMS and bin/ need be unpacked. If
# bin/ has an itts-pack for this machine and it is what SHA256SUMS says, that does
# the work; else BUNDLE.tar is unpacked here first.
#
# Checks SHA256SUMS, then puts checkpoints/ into MODEL_DIR and hub/ into
# HF_HOME/hub: hard links on one file system, copies otherwise. Every file gets
# its name when it is complete, refs/ come last, and the script may be run
# again at any time. A small file that was edited is kept as NAME.orig.
# Removes nothing; this folder may be deleted afterwards.
set -eu

usage='usage: sh install.sh MODEL_DIR [HF_HOME [BUNDLE.tar]]'
if [ $# -lt 1 ] || [ $# -gt 3 ]; then
	echo "$usage" >&2
	exit 2
fi
for given; do
	case $given in '' | -*) echo "$usage" >&2; exit 2 ;; esac
done

absolute() {
	case $1 in
	/*) printf '%s\n' "$1" ;;
	*) printf '%s\n' "$PWD/$1" ;;
	esac
}

# Without a word; and without /dev/null, which a bare chroot lacks.
quiet() { said=$("$@" 2>&1); }

models=$(absolute "$1")
if [ $# -ge 2 ]; then
	hub=$2/hub
else
	hub=${HF_HUB_CACHE:-${HF_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/huggingface}/hub}
fi
hub=$(absolute "$hub")
bundle=
[ $# -lt 3 ] || bundle=$(absolute "$3")
cd -- "$(dirname -- "$0")"

if quiet command -v sha256sum; then
	sums=sha256sum
elif quiet command -v shasum; then
	sums='shasum -a 256'
else
	echo "install.sh: neither sha256sum nor shasum is here: nothing can be checked without" >&2
	exit 1
fi

# The carried program for this machine, if it is here, right and runs.
carried() {
	carried=bin/itts-pack-$(uname -m)
	[ -f "$carried" ] && line=$(grep " $carried\$" SHA256SUMS 2>&1) &&
		said=$(printf '%s\n' "$line" | $sums -c 2>&1) &&
		quiet "./$carried" version
}
if [ -n "$bundle" ] && carried; then
	exec "./$carried" install "$bundle" --cache "$hub" --model-dir "$models"
fi
if [ -n "$bundle" ]; then
	printf 'Unpacking %s ...\n' "$bundle"
	tar -xf "$bundle"
fi

for part in itts-bundle.json SHA256SUMS hub checkpoints; do
	if [ ! -e "$part" ]; then
		echo "install.sh: $part is missing here: unpack the bundle again" >&2
		exit 1
	fi
done

echo "Checking SHA256SUMS ..."
check="$sums -c SHA256SUMS"
# LC_ALL: the word behind each name is translated
if ! report=$(LC_ALL=C $check 2>&1); then
	printf '%s\n' "$report" | grep -v ': OK$' >&2 || :
	echo "install.sh: damaged: copy the bundle again and unpack it again" >&2
	exit 9
fi

# place_of hub/X or checkpoints/X: where it belongs
place_of() {
	case $1 in
	hub/*) printf '%s\n' "$hub/${1#hub/}" ;;
	*) printf '%s\n' "$models/${1#checkpoints/}" ;;
	esac
}

# Another name of the same file that was placed already: one copy is enough.
link_twin() { # FILE NEW
	find hub checkpoints -samefile "$1" 2>&1 | while IFS= read -r twin; do
		placed=$(place_of "$twin")
		if [ "$twin" != "$1" ] && [ -f "$placed" ] && [ ! -L "$placed" ] &&
			cmp -s -- "$1" "$placed" && quiet ln -- "$placed" "$2"; then
			echo linked
			break
		fi
	done
}

place() { # hub/X or checkpoints/X
	to=$(place_of "$1")
	new=$to.itts-new
	if [ -L "$1" ]; then
		if [ -L "$to" ] && [ "$(readlink "$to")" = "$(readlink "$1")" ]; then
			return 0
		fi
		mkdir -p -- "${to%/*}"
		rm -f -- "$new"
		cp -P -- "$1" "$new"
		mv -f -- "$new" "$to"
		return 0
	fi
	if [ -f "$to" ] && cmp -s -- "$1" "$to"; then
		return 0
	fi
	mkdir -p -- "${to%/*}"
	rm -f -- "$new"
	if [ -n "$(find "$1" -links +1)" ]; then
		quiet ln -- "$1" "$new" || [ -n "$(link_twin "$1" "$new")" ] ||
			cp -p -- "$1" "$new"
	else
		# a file of its own: people may edit it
		cp -p -- "$1" "$new"
		case $1 in
		checkpoints/.itts-pack/* | */refs/* | */trees/*) ;;
		checkpoints/*) if [ -f "$to" ]; then
			mv -f -- "$to" "$to.orig"
			printf 'kept your %s as %s.orig\n' "$to" "${to##*/}"
		fi ;;
		esac
	fi
	mv -f -- "$new" "$to"
}

place_all() { # find's conditions
	find hub checkpoints \( -type f -o -type l \) "$@" >"$list"
	while IFS= read -r file; do
		place "$file"
	done <"$list"
}

list=$(mktemp 2>&1) || { # there is no /tmp
	mkdir -p -- "$hub"
	list=$(mktemp "$hub/.install.sh.XXXXXX")
}
trap 'rm -f "$list"' EXIT
trap 'exit 130' INT TERM

printf 'Installing into %s and %s ...\n' "$models" "$hub"
place_all ! -path '*/refs/*'
# also where a repository has no ref: scanners look for it
find hub checkpoints -type d -path '*/refs' >"$list"
while IFS= read -r dir; do
	mkdir -p -- "$(place_of "$dir")"
done <"$list"
sync
place_all -path '*/refs/*'
sync

echo "Done. Set this where the program starts:"
echo
# for a shell, whatever is in it
quoted=$(printf '%s\n' "$hub" | sed "s/'/'\\\\''/g")
printf "    export HF_HUB_CACHE='%s'\n" "$quoted"
echo "    export HF_HUB_OFFLINE=1"
