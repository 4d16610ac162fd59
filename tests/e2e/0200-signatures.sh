#!/usr/bin/env bash
# Signed bundles: made with ssh-keygen, checked against allowed_signers before
# anything else is read or written. ssh-keygen is the judge, both ways.
. "$(dirname "$0")/lib.sh"

need ssh-keygen ssh-agent jq python3 strace
repo "$T/top" acme/tiny main model.bin=70000 config.json=300
start_hub hub "$T/top"

keys() {
	local type
	mkdir -p keys
	for type in ed25519 ecdsa; do
		ssh-keygen -q -t $type -N "" -C "$type" -f keys/$type
	done
	ssh-keygen -q -t ecdsa -b 384 -N "" -f keys/p384
	ssh-keygen -q -t rsa -b 2048 -N "" -f keys/rsa
	ssh-keygen -q -t rsa -b 1024 -N "" -f keys/weak
	ssh-keygen -q -t dsa -N "" -f keys/dsa
	ssh-keygen -q -t ed25519 -N "" -f keys/other
	echo "release@example.com $(cat keys/ed25519.pub)" >allowed
	for type in ecdsa p384 rsa; do
		echo "release@example.com $(cat keys/$type.pub)"
	done >>allowed
	expect 0 itts pack acme/tiny --endpoint "$hub" --cache "$T/store" --serial 3 -o plain.tar
}
manifest_of() { tar -xOf "$1" itts-bundle.json; }
slot_of() { tar -xOf "$1" itts-bundle.json.sig; }
signed() { # KEY: a signed copy, out.tar
	cp plain.tar out.tar
	rm -f out.tar.sig
	expect 0 itts sign out.tar --key "keys/$1"
}
installs() { expect 0 itts install out.tar --cache "$T/c.$RANDOM" "$@"; }
refuses() { # ARGS...: nothing written, not even the directory
	rm -rf "$T/none"
	expect 9 itts install out.tar --cache "$T/none" "$@"
	one_error
	test ! -e "$T/none"
}

in_place() {
	signed ed25519
	same "$(stat -c %s out.tar)" "$(stat -c %s plain.tar)"
	# nothing but the slot differs
	tar -tf out.tar >/dev/null
	same "$(cmp -l plain.tar out.tar | wc -l)" "$(slot_of out.tar | tr -d '\n' | wc -c)"
	installs --allowed-signers allowed
	says "signed by release@example.com" "$(ssh-keygen -lf keys/ed25519.pub | cut -d' ' -f2)"
	expect 0 itts verify out.tar --allowed-signers allowed --json
	same "$(jq -r .signature.principals "$T/out")" release@example.com
	expect 0 itts inspect out.tar
}
theirs_reads_ours() {
	local key
	for key in ed25519 ecdsa p384 rsa; do
		signed "$key"
		slot_of out.tar >slot.sig
		manifest_of out.tar | ssh-keygen -Y verify -f allowed -I release@example.com \
			-n itts-pack -s slot.sig
		installs --allowed-signers allowed
	done
}
ours_reads_theirs() {
	local key
	for key in ed25519 ecdsa p384 rsa; do
		cp plain.tar out.tar
		manifest_of out.tar >message
		rm -f message.sig
		ssh-keygen -q -Y sign -f keys/$key -n itts-pack message
		installs --allowed-signers allowed --signature message.sig
		cp message.sig out.tar.sig
		installs --allowed-signers allowed
		ssh-keygen -q -Y sign -O hashalg=sha256 -f keys/$key -n itts-pack <message >out.tar.sig
		installs --allowed-signers allowed
	done
	rm -f out.tar.sig
}
detached() {
	cp plain.tar out.tar
	expect 0 itts sign out.tar --key keys/ed25519 --detached
	cmp plain.tar out.tar
	installs --allowed-signers allowed
	rm out.tar.sig
	refuses --allowed-signers allowed
	says "not signed"
}
agent() { # the private half is nowhere but in the agent
	eval "$(ssh-agent -a "$T/agent")" >/dev/null
	PIDS=$SSH_AGENT_PID
	cp keys/ed25519 gone && ssh-add -q gone && rm gone
	cp keys/ed25519.pub gone.pub
	cp plain.tar out.tar
	expect 0 itts sign out.tar --key gone.pub
	installs --allowed-signers allowed
	kill "$SSH_AGENT_PID"
	expect 1 itts sign out.tar --key gone.pub
	one_error
	# a failed signing leaves what was there
	installs --allowed-signers allowed
}
unsigned() {
	cp plain.tar out.tar
	rm -f out.tar.sig
	installs
	says "not signed"
	expect 0 itts verify out.tar
	says "not signed"
	refuses --allowed-signers allowed
	says "not signed, and allowed demands"
	expect 9 itts verify out.tar --allowed-signers allowed
	expect 2 itts install out.tar --cache "$T/none" --require-signature
	says "no list of allowed signers"
	signed ed25519
	installs
	says "by whom is not known"
}
configured() { # the lists that are there are used without being asked for
	mkdir -p "$HOME/.config/itts-pack"
	cp allowed "$HOME/.config/itts-pack/allowed_signers"
	cp plain.tar out.tar
	refuses
	says ".config/itts-pack/allowed_signers"
	tar -cf cache.tar -C "$T/store" .
	expect 9 itts install --import cache.tar --cache "$T/none"
	says "an archive of a cache carries no signature"
	test ! -e "$T/none"
	signed ed25519
	installs --require-signature
	cp keys/ed25519.pub "$HOME/.config/itts-pack/revoked_keys"
	refuses
	says revoked
	rm -r "$HOME/.config/itts-pack"
}
unreadable() { # a list that may not be read is not a list that is not there
	local as=() list=$HOME/.config/itts-pack
	[ "$(id -u)" -ne 0 ] || as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	mkdir -p "$list" && mkdir -m 777 "$T/anybody"
	chmod 711 "$T"
	chmod 755 "$HOME" "$HOME/.config"
	cp allowed "$list/allowed_signers"
	cp plain.tar "$T/anybody/plain.tar"
	for mode in 000 711; do # the directory; only what is in it
		chmod 000 "$list/allowed_signers"
		chmod $mode "$list"
		expect $([ $mode = 000 ] && echo 3 || echo 9) "${as[@]}" env XDG_STATE_HOME="$T/anybody/state" \
			"$PROGRAM" install "$T/anybody/plain.tar" --cache "$T/anybody/hub"
		one_error
		says "$list/allowed_signers"
		test ! -e "$T/anybody/hub"
	done
	chmod 755 "$list"
	rm "$list/allowed_signers"
	ln -s nowhere "$list/allowed_signers" # nor is one that leads nowhere
	cp plain.tar out.tar
	refuses
	says "demands a signature"
	rm "$list/allowed_signers"
	chmod 755 "$list"
	mkdir "$list/revoked_keys"
	signed ed25519
	expect 3 itts install out.tar --cache "$T/none"
	says revoked_keys
	test ! -e "$T/none"
	rm -r "$list"
}
refused() {
	local line
	signed other
	refuses --allowed-signers allowed
	says "$(ssh-keygen -lf keys/other.pub | cut -d' ' -f2)" "is not in allowed"
	signed ed25519
	refuses --allowed-signers allowed --revoked keys/ed25519.pub
	says "keys/ed25519.pub: line 1: the signer's key is revoked"
	refuses --revoked keys/ed25519.pub
	line=$(cat keys/ed25519.pub)
	echo "a@b namespaces=\"file,git\" $line" >list
	refuses --allowed-signers list
	says "line 1" 'namespaces="file,git"'
	echo "a@b valid-before=\"20200101\" $line" >list
	refuses --allowed-signers list
	says expired "line 1"
	echo "a@b valid-after=\"21000101Z\" $line" >list
	refuses --allowed-signers list
	says "not valid yet"
	echo "a@b cert-authority $line" >list
	refuses --allowed-signers list
	says cert-authority
	# a second line may still allow it
	echo "c@d valid-after=\"20200101\",namespaces=\"itts-*\" $line" >>list
	installs --allowed-signers list
	says "signed by c@d"
	# what is negated only is nobody; a time may end in UTC as in Z (ssh-keygen's words)
	echo "!release@example.com,!a@b $line" >list
	refuses --allowed-signers list
	says "line 1" nobody
	echo "!c@d,*@b valid-before=\"20990101UTC\" $line" >list
	installs --allowed-signers list
	echo "a@b valid-before=\"20200101utc\" $line" >list
	refuses --allowed-signers list
	says expired
	ssh-keygen -q -k -f krl keys/other.pub
	expect 7 itts install out.tar --cache "$T/none" --revoked krl
	says KRL "not supported"
	echo "a@b valid-until=\"2020\" $line" >list
	expect 7 itts install out.tar --cache "$T/none" --allowed-signers list
	says "line 1" valid-until
	expect 6 itts install out.tar --cache "$T/none" --allowed-signers no-such-list
}
wrong_kind() {
	cp plain.tar out.tar
	manifest_of out.tar >message
	ssh-keygen -q -Y sign -f keys/ed25519 -n file <message >out.tar.sig
	refuses --allowed-signers allowed
	says 'namespace "file"'
	printf 'another text' | ssh-keygen -q -Y sign -f keys/ed25519 -n itts-pack >out.tar.sig
	refuses --allowed-signers allowed
	says "not of this manifest"
	echo "a@b $(cat keys/weak.pub)" >list
	if ssh-keygen -q -Y sign -f keys/weak -n itts-pack <message >out.tar.sig; then
		expect 7 itts install out.tar --cache "$T/none" --allowed-signers list
		says "too weak"
	fi
	# a certificate signs as its key does, but says more than we understand
	ssh-keygen -q -s keys/other -I id -n release@example.com keys/ed25519.pub
	ssh-keygen -q -Y sign -f keys/ed25519-cert.pub -n itts-pack <message >out.tar.sig
	expect 7 itts install out.tar --cache "$T/none" --allowed-signers allowed
	says "ssh-ed25519-cert-v01@openssh.com is not taken"
	rm keys/ed25519-cert.pub
	head -c 200 slot.sig >out.tar.sig
	expect 7 itts install out.tar --cache "$T/none" --allowed-signers allowed
	says "out.tar.sig: not a signature"
	test ! -e "$T/none"
	rm out.tar.sig
}
another_bundle() { # a right signature, over another bundle of the same signer
	expect 0 itts pack acme/tiny --endpoint "$hub" --cache "$T/store" --serial 4 -o newer.tar
	expect 0 itts sign newer.tar --key keys/ed25519
	cp plain.tar out.tar
	python3 - <<'PYTHON'
import re
def slot(path):
    d = open(path, "rb").read()
    n = int(d[124:135], 8)
    at = 512 + (n + 511) // 512 * 512
    assert d[at:at + 20] == b"itts-bundle.json.sig"
    return at + 512
a, b = slot("newer.tar"), slot("out.tar")
with open("newer.tar", "rb") as f:
    f.seek(a)
    sig = f.read(16384)
with open("out.tar", "r+b") as f:
    f.seek(b)
    f.write(sig)
PYTHON
	refuses --allowed-signers allowed
	says "its signature" "not of this manifest"
	# without a list too: what claims to be signed has to be
	refuses
}
flipped() { # each byte of armour
	local at offset
	signed ed25519
	cp out.tar good.tar
	offset=$(grep -abo -m1 -- '-----BEGIN SSH' out.tar | cut -d: -f1)
	for at in 0 29 40 60 100 150 200 250 280 300 1000 16383; do
		cp good.tar out.tar
		python3 - $((offset + at)) <<'PYTHON'
import sys
at = int(sys.argv[1])
with open("out.tar", "r+b") as f:
    f.seek(at)
    b = f.read(1)[0]
    f.seek(at)
    f.write(bytes([b ^ 1]))
PYTHON
		itts install out.tar --cache "$T/none" --allowed-signers allowed && fail "byte $at"
		test ! -e "$T/none"
	done
}
untouched() { # STATUS COMMAND...: it fails, and nothing was made, opened for writing or renamed
	local wanted=$1
	shift
	rm -rf "$T/none"
	expect "$wanted" strace -f -e trace=%file,read,pread64,write,ftruncate,fallocate -o trace "$@"
	one_error
	same "$(grep -cE 'O_CREAT|O_TMPFILE|mkdir|O_WRONLY|O_RDWR|link(at)?\(|rename|ftruncate|fallocate' trace |
		tail -n 1)" "$(grep -cE ' readlink(at)?\(' trace)"
	test ! -e "$T/none"
}
first_of_all() { # no file is made, nor the bundle read on, before the signature is
	local fd limit offset how command
	mkdir u
	signed other
	untouched 9 "$PROGRAM" install out.tar --cache "$T/none" --allowed-signers allowed
	# not a byte behind the slot
	limit=$(grep -abo -m1 SHA256SUMS out.tar | cut -d: -f1)
	fd=$(sed -n 's/.*openat(.*"out.tar".* = \([0-9]*\)$/\1/p' trace | head -n 1)
	test -n "$fd"
	grep -qE "pread64\($fd," trace
	grep -E "pread64\($fd," trace |
		sed 's/.*, \([0-9]*\), \([0-9]*\)) *= \([0-9]*\)$/\2 \3/' |
		awk -v limit="$limit" '{ if ($1 + $2 > limit) exit 1 }'
	# other ways of being wrong, other ways of coming
	expect 0 itts pack acme/tiny --endpoint "$hub" --cache "$T/store" --serial 3 --volume-size 48K -o u/vol.tar
	for how in unsigned flipped revoked detached; do
		local more=()
		cp plain.tar out.tar
		rm -f out.tar.sig u/vol.bundle.json.sig
		case $how in
		flipped) # right armour, one bit of what it says
			signed ed25519
			offset=$(grep -abo -m1 -- '-----BEGIN SSH' out.tar | cut -d: -f1)
			flip out.tar $((offset + 290))
			;;
		revoked)
			signed ed25519
			more=(--revoked keys/ed25519.pub)
			;;
		detached) # of another text
			printf other | ssh-keygen -q -Y sign -f keys/ed25519 -n itts-pack >out.tar.sig
			cp out.tar.sig u/vol.bundle.json.sig
			;;
		esac
		for command in install import; do
			untouched 9 "$PROGRAM" $command out.tar --cache "$T/none" --allowed-signers allowed "${more[@]}"
		done
		[ $how = detached ] || # beside a pipe there is nothing
			untouched 9 sh -c 'f=$1 && shift && cat out.tar | "$0" install - --cache "$f" "$@"' \
				"$PROGRAM" "$T/none" --allowed-signers allowed "${more[@]}"
		[ $how = flipped ] || [ $how = revoked ] ||
			untouched 9 "$PROGRAM" install u --cache "$T/none" --model-dir "$T/none" --allowed-signers allowed
	done
}
streams() {
	local store
	signed ed25519
	store=$T/c.stream
	expect 0 bash -c '"$0" install - --cache "$1" --allowed-signers allowed <out.tar' "$PROGRAM" "$store"
	cache_is_honest "$store"
	expect 0 bash -c 'cat out.tar | "$0" install - --cache "$1.2" --allowed-signers allowed' "$PROGRAM" "$store"
	zstd -q -f out.tar -o out.tar.zst
	expect 0 itts install out.tar.zst --cache "$store.3" --allowed-signers allowed
	expect 2 itts sign out.tar.zst --key keys/ed25519
	expect 2 itts verify --cache "$store" --allowed-signers allowed
	rm -rf "$T/none"
	expect 9 bash -c 'cat plain.tar | "$0" install - --cache "$1" --allowed-signers allowed' "$PROGRAM" "$T/none"
	test ! -e "$T/none"
}
interrupted() { # killed at each write: signed as before, not signed, or signed anew
	local key n before
	for key in ed25519 rsa; do
		for before in "" rsa; do
			for n in 1 2 3; do
				cp plain.tar out.tar
				[ -z "$before" ] || expect 0 itts sign out.tar --key keys/$before
				strace -f -o trace -e inject=pwrite64:signal=KILL:when=$n -P out.tar \
					"$PROGRAM" sign out.tar --key keys/$key || true
				expect 0 itts verify out.tar
				# the same signature again, and a short one over nothing, are one write
				case $key$before in ed25519 | rsarsa) test $n -gt 1 || grep -q "killed by SIGKILL" trace ;;
				*) test $n -gt 3 || grep -q "killed by SIGKILL" trace ;; esac
				expect 0 itts sign out.tar --key keys/$key
				expect 0 itts verify out.tar --allowed-signers allowed
			done
		done
	done
}
volumes() { # the signature lies beside the manifest that lies beside the card
	mkdir -p v
	expect 0 itts pack acme/tiny --endpoint "$hub" --cache "$T/store" --serial 3 \
		--volume-size 48K -o v/vol.tar
	expect 9 itts install v --cache "$T/none" --allowed-signers allowed
	test ! -e "$T/none"
	expect 0 itts sign v --key keys/ed25519
	prints vol.bundle.json.sig
	# no volume has changed, and the card is right
	(cd v && sha256sum -c --quiet vol.volumes.sha256)
	expect 0 itts verify v --allowed-signers allowed --require-signature
	rm v/vol.bundle.json.sig
	expect 0 itts sign v/vol.volumes.json --key keys/ed25519 --detached
	ssh-keygen -Y verify -f allowed -I release@example.com -n itts-pack \
		-s v/vol.bundle.json.sig <v/vol.bundle.json
	expect 0 itts install v --cache "$T/c.volumes" --allowed-signers allowed
	cache_is_honest "$T/c.volumes"
}
demanding() { # PLACE CACHE
	itts install "$1" --cache "$2" --allowed-signers allowed --require-signature
}
volumes_in_visits() { # a stick for each volume, the last one first
	local volume stick cache=$T/c.visits left
	left=$(ls v/vol.tar.0* | wc -l)
	[ "$left" -ge 3 ]
	# another bundle of the same name, shape and serial, by somebody else
	mkdir w
	repo "$T/other" acme/tiny main model.bin=70001 config.json=300
	start_hub hub2 "$T/other"
	expect 0 itts pack acme/tiny --endpoint "$hub2" --cache "$T/store2" --serial 3 \
		--volume-size 48K -o w/vol.tar
	for volume in $(ls -r v/vol.tar.0*); do
		stick=$T/stick.${volume##*.}
		mkdir "$stick"
		cp "$volume" v/vol.*json "$stick"
		# without the signature nothing is read on, and nothing written
		test -e "$cache" && picture "$cache" >"$T/before" || : >"$T/before"
		expect 9 demanding "$stick" "$cache"
		says "not signed"
		test -e "$cache" && picture "$cache" >"$T/after" || : >"$T/after"
		diff "$T/before" "$T/after"
		# nor with one that is of another set
		cp w/vol.*json "$stick"
		cp v/vol.bundle.json.sig "$stick"
		expect 9 demanding "$stick" "$cache"
		test -e "$cache" && picture "$cache" >"$T/after" || : >"$T/after"
		diff "$T/before" "$T/after"
		cp v/vol.*json "$stick"
		left=$((left - 1))
		if demanding "$stick" "$cache" >"$T/out" 2>"$T/err"; then
			break
		fi
		says "still needed"
		same "$(find "$cache" -path '*/refs/*')" ""
		cache_is_honest "$cache"
	done
	cache_is_honest "$cache"
	expect 0 itts install v --cache "$cache" --allowed-signers allowed --json
	same "$(jq .new_files "$T/out")" 0
	# a volume of the other set among those of this one
	cp -r v x
	cp "w/vol.tar.002" x
	expect 9 demanding x "$T/c.mixed"
	says "vol.tar.002 is damaged or of another set"
	same "$(find "$T/c.mixed" -path '*/refs/*')" ""
	cache_is_honest "$T/c.mixed"
}
inspected() { # looked at, whatever it is; refused only where that is asked for
	local print
	print=$(ssh-keygen -lf keys/ed25519.pub | cut -d' ' -f2)
	signed ed25519
	expect 0 itts inspect out.tar --allowed-signers allowed
	prints "serial 3" "signed by release@example.com" "key ssh-ed25519 $print, namespace itts-pack"
	expect 0 itts inspect out.tar --json
	same "$(jq -r '.signature | "\(.type) \(.key) \(.namespace) \(.right) \(.known)"' "$T/out")" \
		"ssh-ed25519 $print itts-pack true false"
	expect 0 itts inspect out.tar
	prints "by whom is not known"
	expect 0 itts inspect plain.tar --allowed-signers allowed
	prints "not signed"
	expect 0 itts inspect plain.tar --json
	same "$(jq -r .signature "$T/out")" null
	expect 9 itts inspect plain.tar --allowed-signers allowed --require-signature
	signed other
	expect 0 itts inspect out.tar --allowed-signers allowed --json
	same "$(jq -r '.signature.right, (.signature.why | test("is not in allowed")), .serial' "$T/out" | paste -sd,)" false,true,3
	expect 9 itts inspect out.tar --allowed-signers allowed --require-signature
	cp plain.tar out.tar
	manifest_of out.tar | ssh-keygen -q -Y sign -f keys/ed25519 -n file >out.tar.sig
	expect 0 itts inspect out.tar --allowed-signers allowed
	prints "does not count" "$print, namespace file"
	rm out.tar.sig
	for at in v v/vol.volumes.json; do
		expect 0 itts inspect $at --allowed-signers allowed --json
		same "$(jq -r '.signature.principals, .serial' "$T/out" | paste -sd,)" release@example.com,3
	done
	expect 6 itts inspect plain.tar --allowed-signers nothing
}
again() { # FILE: --from-store makes it again, and nothing else
	rm -f again.tar
	expect 0 itts pack --from-store --cache "$T/site" -o again.tar
	cmp again.tar "$1"
}
made_again() { # on a site, for the next one, which demands the signature
	local key
	for key in ed25519 rsa; do # of another length each
		signed "$key"
		expect 0 itts install out.tar --cache "$T/site"
		again out.tar
		slot_of again.tar >slot.sig
		manifest_of again.tar | ssh-keygen -Y verify -f allowed -I release@example.com -n itts-pack -s slot.sig
	done
	expect 0 itts install again.tar --cache "$T/next" --allowed-signers allowed --require-signature
	# of what the signature is not, it is not put into; nor one in a file of its own
	itts inventory --cache "$T/site" >site.json
	expect 0 itts pack --from-store --cache "$T/site" --for site.json -o thin.tar
	not grep -qa 'BEGIN SSH SIGNATURE' thin.tar
	expect 0 itts pack --from-store --cache "$T/site" -o in.tar --volume-size 48K
	cat in.tar.0* | cmp - out.tar
	expect 0 itts install plain.tar --cache "$T/site"
	again plain.tar
	cp plain.tar out.tar
	expect 0 itts sign out.tar --key keys/ed25519 --detached
	expect 0 itts install out.tar --cache "$T/site" --allowed-signers allowed
	again plain.tar
	rm out.tar.sig
	# a thin one that is signed: the whole is not what was signed
	expect 0 itts sign thin.tar --key keys/ed25519
	expect 0 itts install thin.tar --cache "$T/site" --allowed-signers allowed
	again plain.tar
	# what is kept is not taken on trust
	signed ed25519
	expect 0 itts install out.tar --cache "$T/site"
	key=$(find "$T/site/.locks/itts-pack" -name '*.sig')
	test -s "$key"
	printf 'x' >>"$key"
	expect 7 itts pack --from-store --cache "$T/site" -o broken.tar
	one_error
	says "$(basename "$key")" "install the bundle once more"
	test ! -e broken.tar
	expect 0 itts install out.tar --cache "$T/site"
	again out.tar
	# a signature goes with its manifest
	expect 0 itts install newer.tar --cache "$T/site"
	record_is_lean "$T/site" acme-tiny
	again newer.tar
}
usage() {
	expect 2 itts sign
	expect 2 itts sign plain.tar
	says "--key"
	expect 6 itts sign plain.tar --key no-such-key
	one_error
	expect 1 itts sign plain.tar --key allowed
	says "--key: allowed: ssh-keygen failed" "chmod 600" "ssh-add -l"
	expect 3 itts sign plain.tar --key keys
	one_error
	says "--key: keys: Is a directory"
	expect 7 itts sign allowed --key keys/ed25519
	expect 6 env PATH="$T/nowhere" "$PROGRAM" sign plain.tar --key keys/ed25519
	says "no program ssh-keygen" "openssh-client"
	not grep -q chmod "$T/err"
	says ssh-keygen
}

must keys
check "sign in place: nothing moves" in_place
check "ssh-keygen verifies what we signed, four kinds of key" theirs_reads_ours
check "we verify what ssh-keygen signed, detached, sha256 and sha512" ours_reads_theirs
check "a detached signature" detached
check "a key in ssh-agent" agent
check "unsigned bundles: taken with a line, refused once there is a list" unsigned
check "lists in their usual places" configured
check "lists that cannot be read" unreadable
check "unknown, revoked, wrong namespace, expired, not yet valid, authority" refused
check "other namespace, other text, weak key, certificate, torn file" wrong_kind
check "a signature over another bundle" another_bundle
check "flipped bytes of the signature" flipped
check "the signature is checked before anything is written or read on" first_of_all
check "streams and compressed bundles" streams
check "signing killed at each write" interrupted
check "a bundle in volumes" volumes
check "signed volumes, one after the other" volumes_in_visits
check "inspect shows whose signature it is" inspected
check "made again from a store: with the signature that it came with" made_again
check "what sign cannot do" usage
finish
