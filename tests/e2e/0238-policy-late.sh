#!/usr/bin/env bash
# A policy that looks at bytes and sees the bad ones last: of a stream, when several large
# files came before; of volumes, when an earlier visit had the others; and of bytes that
# have several names, when one alone says what would be done with them.
. "$(dirname "$0")/lib.sh"

need python3 jq
echo '{"format": "itts-policy", "version": 1, "no_code": true}' >p.json
# bundle NAME PATH=SIZE|PATH=pickle[:LENGTH]...: NAME.tar; a repository each before a slash
bundle() {
	local name=$1
	shift
	python3 - "$name" "$@" <<'PYTHON' | make_store "$name.store" "$name.json"
import json, sys
repos = {}
for i, arg in enumerate(sys.argv[2:]):
    path, what = arg.split("=")
    repo, path = path.split("/")
    file = {"path": path}
    if what.startswith("pickle"): # of protocol 0: only a name says that it is one
        file["text"] = "cos\nsystem\n(S'%s'\ntR." % ("x" * int(what[7:] or 4))
    else:
        file.update(size=int(what), git=path.endswith(".json"))
    repos.setdefault("acme/" + repo, []).append(file)
print(json.dumps({"format": "itts-lock", "version": 1, "name": sys.argv[1],
                  "repos": [{"id": i, "files": f} for i, f in sorted(repos.items())]}))
PYTHON
	pack_store "$name.store" "$name.json" "$name.tar" --serial 5
}
from_pipe() { # BUNDLE OPTIONS: of install
	cat "$1" | "$PROGRAM" install - "${@:2}"
}
no_names() { # CACHE: no blob, part, link, ref
	same "$(find "$1" -path '*/blobs/*' -o -path '*/refs/*' -o -type l)" ""
}
blobs() { # CACHE: how many
	find "$1" -type f -path '*/blobs/*' ! -name '*.itts-part' | wc -l
}

streams() { # what came before is larger than what waits for its name at any time
	local large=(m/a.safetensors=2500000 m/b.safetensors=2400000 m/c.json=300 m/d.safetensors=1500000)
	bundle late "${large[@]}" m/z.bin=pickle
	expect 8 from_pipe late.tar --cache none --policy p.json
	one_error
	says '"no_code"' "acme/m z.bin" os.system
	no_names none
	expect 0 from_pipe late.tar --cache all
	same "$(blobs all)" 5
}
damaged_streams() { # and cut ones
	local at size
	bundle good m/a.safetensors=2500000 m/b.safetensors=2400000 m/c.json=300 m/d.safetensors=1500000 m/e.json=70
	size=$(stat -c %s good.tar)
	for at in e.json d.safetensors; do
		cp good.tar bad.tar
		flip bad.tar "$(python3 - "$at" <<'PYTHON'
import glob, sys
data = open(glob.glob("good.store/*/snapshots/*/" + sys.argv[1])[0], "rb").read()
print(open("good.tar", "rb").read().index(data) + len(data) // 2)
PYTHON
		)"
		rm -rf none all
		expect 9 from_pipe bad.tar --cache none --policy p.json
		one_error
		says "$at"
		not find_named none
		# with no such policy what is right may stay
		expect 9 from_pipe bad.tar --cache all
		test "$(blobs all)" -ge 2
		cache_is_honest all
	done
	rm -rf none
	expect 7 sh -c 'head -c "$1" good.tar | "$0" install - --cache none --policy p.json' "$PROGRAM" $((size - 1700000))
	says "ends"
	not find_named none
	expect 0 from_pipe good.tar --cache none --policy p.json
	cache_is_honest none
	same "$(blobs none)" 5
}
find_named() { # CACHE: a part may be there, to go on with
	find "$1" \( -path '*/blobs/*' ! -name '*.itts-part' -o -path '*/refs/*' -o -type l \) | grep .
}
several_names() { # the harmless name first, last, in another repository
	local n=0 names
	for names in "m/a.txt m/z.bin" "m/a.ckpt m/z.txt" "m/a.txt n/z.pt" "m/a.pkl n/a.txt" "m/a.txt m/b.txt m/c.dat m/d.txt"; do
		n=$((n + 1))
		# shellcheck disable=SC2046
		bundle two$n m/config.json=300 $(printf '%s=pickle ' $names)
		rm -rf none
		expect 8 itts install two$n.tar --cache none --policy p.json
		one_error
		says '"no_code"' os.system
		grep -E 'acme/[mn] [a-z]\.(bin|ckpt|pt|pkl|dat): ' "$T/err"
		test ! -e none
		expect 8 from_pipe two$n.tar --cache none --policy p.json
		grep -E 'acme/[mn] [a-z]\.(bin|ckpt|pt|pkl|dat): ' "$T/err"
		no_names none
	done
	# it is the name that says it
	bundle text m/a.txt=pickle n/b.txt=pickle
	expect 0 itts install text.tar --cache some --policy p.json
}
volumes() { # what came in the visit that is refused gets no name beside it
	rm -rf none all && mkdir v one two
	bundle vol m/a.json=300 m/z.bin=pickle:900000
	pack_store vol.store vol.json v/b.tar --volume-size 256K --serial 6
	cp v/b.*json v/b.tar.002 one
	cp v/b.*json v/b.tar.001 v/b.tar.00[3-9] two
	expect 6 itts install one --cache none --policy p.json
	says "still needed: b.tar.001, b.tar.003"
	expect 8 itts install two --cache none --policy p.json
	one_error
	says '"no_code"' "acme/m z.bin" os.system
	no_names none
	# nor is anything left to go on with
	expect 6 itts install two --cache none --policy p.json
	says "still needed: b.tar.002"
	expect 6 itts install one --cache all
	expect 0 itts install two --cache all
	same "$(blobs all)" 2
}

check "a stream whose last file is refused" streams
check "a stream whose last file is damaged, or that ends early" damaged_streams
check "bytes with several names" several_names
check "volumes whose last file is refused" volumes
finish
