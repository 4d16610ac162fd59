#!/usr/bin/env bash
# --json of every command: one document, all of whose keys the manual names (its
# section JSON is read; there is no list of keys here).
. "$(dirname "$0")/lib.sh"

need python3 jq ssh-keygen
A=1111111111111111111111111111111111111111
C=$T/store
L=$T/lock.json
repo "$T/repos" acme/voice $A config.json=300 sub/big.bin=90000
start_hub hub "$T/repos"

cat >"$T/keys.py" <<'PYTHON'
# keys.py MANUAL COMMAND <DOCUMENT: fails where the manual does not name a key;
# notes in the file "seen" what it met.
# keys.py MANUAL: the names of keys of the manual that no document had.
# In the section JSON an "It Cm" names commands and a "Va" keys; before the first "It"
# the keys are those of every command. Capitals stand for any name.
import json, os, re, sys

def named(manual):
    out, inside, commands = set(), False, ["*"]
    for line in open(manual, encoding="utf-8"):
        words = re.findall(r"\w[\w\[\].]*", line)
        if line.startswith(".Sh "):
            inside = line.strip() == ".Sh JSON"
        elif inside and line.startswith(".It Cm "):
            commands = words[2:]
        elif inside and line.startswith(".Va "):
            out |= {(c, key) for c in commands for key in words[1:]}
    return out

def walk(value, at=""):
    for item in value if isinstance(value, list) else []:
        yield from walk(item, at + "[]")
    for key, inner in value.items() if isinstance(value, dict) else []:
        path = f"{at}.{key}".lstrip(".")
        yield path
        yield from walk(inner, path)

def is_key(path, key):
    return re.fullmatch(re.sub(r"[A-Z]+", r"[^.\\[\\]]+", re.escape(key)), path)

def is_named(path, keys): # what stands above a named key is named with it
    return any(is_key(path, k) or k.startswith((path + ".", path + "[")) for k in keys)

all_named = named(sys.argv[1])
assert len(all_named) > 100, "no section JSON"
if len(sys.argv) > 2:
    command = sys.argv[2]
    met = set(walk(json.load(sys.stdin)))
    keys = {k for c, k in all_named if c in ("*", command)}
    unknown = sorted(p for p in met if not is_named(p, keys))
    with open("seen", "a", encoding="utf-8") as f:
        f.writelines(f"{command} {p}\n" for p in met)
    sys.exit(f"{command}: the manual does not name {unknown}" if unknown else 0)
with open("seen", encoding="utf-8") as f:
    seen = {tuple(line.split()) for line in f}
for command, key in sorted(all_named):
    if not any(command in ("*", c) and is_key(p, key) for c, p in seen):
        print(re.split(r"[.\[\]]+", key)[-1])
PYTHON

document() { # STATUS COMMAND ARGS...: one line of it, with keys that are named
	expect "$1" itts "${@:2}" --json
	same "$(wc -l <"$T/out")" 1
	jq -e --arg c "$2" '.v == 1 and .command == $c' "$T/out"
	python3 "$T/keys.py" "$ROOT/docs/itts-pack.1" "$2" <"$T/out"
}

error() { # STATUS COMMAND ARGS...: the same for an error; status and class are right
	expect "$1" itts "${@:2}" --json
	same "$(wc -l <"$T/out")" 1
	jq -e --argjson s "$1" 'keys == ["error", "v"] and .v == 1 and .error.status == $s
		and (.error.class | length) > 2 and (.error.message | length) > 5' "$T/out"
	python3 "$T/keys.py" "$ROOT/docs/itts-pack.1" "$2" <"$T/out"
	one_error
}

main_job() {
	document 0 version
	document 0 help pack
	document 0 completion bash
	document 0 recipes
	document 0 init -o m.json
	document 0 lock acme/voice --lock "$L" --endpoint "$hub" --cache "$C"
	document 0 lock acme/voice --lock "$L" --endpoint "$hub" --cache "$C" --check
	document 0 fetch --lock "$L" --endpoint "$hub" --cache "$T/c2" --dry-run
	document 0 fetch --lock "$L" --endpoint "$hub" --cache "$C"
	document 0 mirrors --endpoint "$hub" acme/voice
	document 0 pack --offline --lock "$L" --cache "$C" -o "$T/b.tar"
	document 0 pack --lock "$L" --endpoint "$hub" --cache "$T/c4" -o "$T/b4.tar"
	document 0 pack --offline --lock "$L" --cache "$C" -o "$T/v.tar" --volume-size 64K
	document 0 export acme/voice --cache "$C" -o e.tar
	document 0 sbom --lock "$L" -o s.json
	document 0 inspect "$T/b.tar"
	document 0 install "$T/b.tar" --cache "$T/c3" --model-dir "$T/m" --dry-run
	document 0 install "$T/b.tar" --cache "$T/c3" --model-dir "$T/m"
	document 0 env --cache "$T/c3" --model-dir "$T/m"
	document 0 verify "$T/b.tar"
	document 0 verify --cache "$T/c3"
	document 0 verify --model-dir "$T/m"
	expect 0 itts inventory --cache "$C" --json
	python3 "$T/keys.py" "$ROOT/docs/itts-pack.1" inventory <"$T/out"
}

signed() {
	ssh-keygen -q -t ed25519 -N '' -C me -f key
	cp "$T/b.tar" s.tar
	document 0 sign s.tar --key key
	printf 'me %s\n' "$(cut -d' ' -f1,2 key.pub)" >signers
	document 0 inspect s.tar --allowed-signers signers
	document 0 verify s.tar --allowed-signers signers
	document 0 install s.tar --allowed-signers signers --cache c
	ssh-keygen -q -t ed25519 -N '' -C other -f other
	printf 'me %s\n' "$(cut -d' ' -f1,2 other.pub)" >signers
	document 0 inspect s.tar --allowed-signers signers
}

tidy() {
	document 0 ls --cache "$C"
	document 0 ls --cache "$C" --revisions
	document 0 du --cache "$C"
	cp -a "$C" hub
	flip "$(readlink -f hub/models--acme--voice/snapshots/$A/sub/big.bin)" 7
	document 9 verify --cache hub --lock "$L"
	document 0 repair --cache hub --lock "$L" --from "$C"
	document 0 import "$C" --cache hub2
	tar -C "$C" -cf hub.tar .
	document 0 install hub.tar --import --cache hub3
	cp -rL "$C/models--acme--voice/snapshots/$A" plain
	document 0 adopt plain --lock "$L" --cache hub4
	flip plain/config.json 7
	document 6 adopt plain --lock "$L" --cache hub5
	document 0 scan "$C"
	python3 -c 'import os, pickle; pickle.dump(os.system, open("code.bin", "wb"))'
	document 1 scan code.bin
	printf x >"hub/models--acme--voice/blobs/$(printf '%064d' 1).incomplete"
	touch -d '30 days ago' hub/models--acme--voice/blobs/*.incomplete
	document 0 gc --cache hub
	document 0 rm acme/voice --cache hub
	document 0 rm acme/voice --cache hub --yes
}

diagnosis() {
	local status=0
	itts doctor --cache "$C" --model-dir "$T/m" --json >"$T/out" 2>"$T/err" || status=$?
	document $status doctor --cache "$C" --model-dir "$T/m"
	expect 0 itts run --json -- sleep 1
	python3 "$T/keys.py" "$ROOT/docs/itts-pack.1" run <"$T/out"
	sleep 1 &
	document 0 watch $!
}

errors() {
	local command
	for command in adopt doctor du env export fetch gc import init inspect install inventory lock \
		ls mirrors pack recipes repair rm run sbom scan sign verify version watch; do
		error 2 "$command" --nothing-like-it
	done
	error 5 fetch acme/nothing --endpoint "$hub" --cache c
	error 6 inspect nowhere.tar
	head -c 20000 "$T/b.tar" >cut.tar
	error 7 install cut.tar --cache c
}

# What no document above had (a graphics card, a registry) the program can write.
nothing_else() {
	local key
	python3 "$T/keys.py" "$ROOT/docs/itts-pack.1" >unmet
	while read -r key; do
		grep -rqF --include='*.c' "\"$key\"" "$ROOT/cmd" "$ROOT/doctor" "$ROOT/manifest" ||
			fail "the manual names $key"
	done <unmet
	cat unmet
}

check "the main job" main_job
check "signatures" signed
check "the cache" tidy
check "diagnosis" diagnosis
check "errors" errors
check "the manual names nothing else" nothing_else
finish
