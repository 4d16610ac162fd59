#!/usr/bin/env bash
# Git: real `git http-backend` behind nginx with TLS of a private CA. Proofs of the
# Hub's listings by commit, and manifests that name a git repository with Git LFS,
# directly and through squid.
. "$(dirname "$0")/lib.sh"

need python3 jq nginx git openssl fcgiwrap squid microsocks
BACKEND=$(git --exec-path)/git-http-backend
[ -x "$BACKEND" ] || skip_all "no git http-backend"
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.com GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.com

# What people uploaded: weights by LFS, the rest as it is; three commits, a branch,
# an annotated tag.
W=$T/work
mkdir -p "$W/sub" "$T/git/acme" "$T/content/sub"
head -c 2000000 /dev/urandom >"$T/content/big.safetensors"
head -c 70000 /dev/urandom >"$T/content/sub/small.bin"
seq 40000 >"$T/content/sub/numbers.txt"
# a server sends but one of them whole, and of the others how they differ
seq 40000 | sed 's/^777$/other/' >"$T/content/sub/numbers2.txt"
(cat "$T/content/sub/numbers.txt"; echo more) >"$T/content/sub/numbers3.txt"
echo '{"a": 1}' >"$T/content/config.json"
: >"$T/content/empty.txt"
# a submodule is a commit of elsewhere: git lists it, and nobody fetches it
printf '[submodule "code"]\n\tpath = vendor/code\n\turl = ../code.git\n' >"$T/content/.gitmodules"
pointer() {
	printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n' \
		"$(sha256sum <"$1" | cut -d' ' -f1)" "$(stat -c %s "$1")"
}
(
	cd "$W" || exit 1
	git init -q -b main .
	for i in 1 2; do
		seq $((i * 100000)) >old.txt
		git add -A
		git commit -q -m "old $i"
	done
	git rm -q old.txt
	mkdir -p sub
	cp "$T/content/config.json" "$T/content/empty.txt" "$T/content/.gitmodules" .
	cp "$T/content/sub/"numbers*.txt sub
	pointer "$T/content/big.safetensors" >big.safetensors
	pointer "$T/content/sub/small.bin" >sub/small.bin
	git add -A
	git update-index --add --cacheinfo 160000,2222222222222222222222222222222222222222,vendor/code
	git commit -q -m now
	git tag -a -m release v1.0
	git branch other
	cd "$T/git/acme" && git clone -q --bare "$W" voice.git && git clone -q --bare "$W" plain.git
	git -C voice.git config uploadpack.allowFilter true
	# refs that look alike, a tag of a tag; a repository without commits, one of other names
	cd "$T/git/acme" && git -C voice.git tag twin main~1 && git -C voice.git branch twin main
	git -C voice.git tag -a -m nested nested v1.0
	git -C voice.git update-ref refs/pr/7 main
	git -C voice.git branch feature/näme main
	git init -q --bare -b main empty.git
	git init -q --object-format=sha256 -b main "$T/sha256" && cp "$T/content/config.json" "$T/sha256"
	git -C "$T/sha256" add -A && git -C "$T/sha256" commit -q -m now
	git clone -q --bare "$T/sha256" longer.git
) >"$T/log/git.txt" 2>&1
C=$(git -C "$W" rev-parse HEAD)
TOP=$T/repos
LIAR=$T/repos2
mkdir -p "$TOP/models/acme/voice" "$TOP/models/acme/plain"
cp -r "$T/content" "$TOP/models/acme/voice/$C"
cp -r "$T/content" "$TOP/models/acme/plain/$C"
for name in voice plain; do
	echo '{"submodules": {"vendor/code": "unknown"}}' >"$TOP/models/acme/$name/hub.json"
done
cp -r "$TOP" "$LIAR"
echo '{"a": 2}' >"$LIAR/models/acme/voice/$C/config.json"
head -c 2000000 /dev/zero >"$LIAR/models/acme/plain/$C/big.safetensors"
certificates
PORT=$(free_port)
AT=https://127.0.0.1:$PORT
start_hub hub "$TOP" --cdn-url "$AT/cdn"
start_hub liar "$LIAR" --cdn-url "$AT/liar-cdn"
# hrefs of Git LFS that live for a second, and for none
start_hub brief "$TOP" --cdn-url "$AT/brief-cdn" --url-life 1 --rate 500000
start_hub never "$TOP" --cdn-url "$AT/never-cdn" --url-life -5
start_hub hider "$TOP" --cdn-url "$AT/cdn" --hide acme/voice:sub/numbers.txt
git_location() { # PREFIX PROTOCOL-VARIABLE
	cat <<CONF
		location ~ ^$1(/acme/[a-z]+\.git/(info/refs|git-upload-pack))\$ {
			fastcgi_pass unix:$T/fcgi.sock;
			fastcgi_param SCRIPT_FILENAME $BACKEND;
			fastcgi_param GIT_PROJECT_ROOT $T/git;
			fastcgi_param GIT_HTTP_EXPORT_ALL 1;
			fastcgi_param PATH_INFO \$1;
			fastcgi_param QUERY_STRING \$args;
			fastcgi_param REQUEST_METHOD \$request_method;
			fastcgi_param CONTENT_TYPE \$content_type;
			fastcgi_param CONTENT_LENGTH \$content_length;
			fastcgi_param GIT_PROTOCOL $2;
		}
CONF
}
start fcgi fcgiwrap -s "unix:$T/fcgi.sock"
await test -S "$T/fcgi.sock"
# shellcheck disable=SC2154
start_nginx "$PORT" '$request_method $request_uri $status $bytes_sent "$http_git_protocol" $remote_addr' <<CONF
	server {
		listen 127.0.0.1:$PORT ssl http2;
		ssl_certificate $T/server.pem;
		ssl_certificate_key $T/server.key;
$(git_location "" "\$http_git_protocol")
$(git_location /liar "\$http_git_protocol")
$(git_location /hider "\$http_git_protocol")
$(git_location /brief "\$http_git_protocol")
$(git_location /never "\$http_git_protocol")
$(git_location /old '""')
$(git_location /older "version=1")
		location /shut/ { return 401 '{"error":"who are you"}'; }
		location /page/ { default_type text/html; return 200 "<!doctype html>sorry"; }
		location ~ ^/moved(/acme/.*)\$ { return 301 $AT\$1\$is_args\$args; }
		location /cdn/ { proxy_pass $hub_CDN/; }
		location /brief-cdn/ { proxy_pass $brief_CDN/; }
		location /never-cdn/ { proxy_pass $never_CDN/; }
		location /brief/ { proxy_pass $brief/; }
		location /never/ { proxy_pass $never/; }
		location /liar-cdn/ { proxy_pass $liar_CDN/; }
		location /liar/ { proxy_pass $liar/; proxy_redirect ~^/(.*)\$ /liar/\$1; }
		location /hider/ { proxy_pass $hider/; proxy_redirect ~^/(.*)\$ /hider/\$1; }
		location / { proxy_pass $hub; proxy_redirect ~^/(.*)\$ /\$1; }
	}
CONF
export SSL_CERT_FILE=$T/ca.pem

clean() { # no trace of packs in a cache
	same "$(find "$1" -name '*itts-git*')" ""
}
prove() { # STATUS REPO ENDPOINT
	rm -rf "$T/p-$BASHPID.json"
	expect "$1" itts lock "$2" --prove --lock "$T/p-$BASHPID.json" --endpoint "$3" --cache "$T/c0"
	clean "$T/c0"
	[ "$1" -eq 0 ] || test ! -e "$T/p-$BASHPID.json"
}
proven() { # with and without the server leaving blobs out
	: >"$T/log/nginx.access"
	prove 0 acme/voice "$AT"
	prints "git proves the 8 files"
	grep -q '^POST /acme/voice.git/git-upload-pack 200' "$T/log/nginx.access"
	small=$(awk '$1 == "POST" {print $4}' "$T/log/nginx.access")
	prove 0 acme/plain "$AT"
	large=$(awk '$1 == "POST" && /plain/ {print $4}' "$T/log/nginx.access")
	test "$small" -lt "$large" # numbers.txt stayed away
	test "$large" -lt 200000   # and so did history
}
lied() { # the lock would be made from it, but for the proof
	expect 0 itts lock acme/voice --lock "$T/liar.json" --endpoint "$AT/liar" --cache "$T/c1"
	prove 9 acme/voice "$AT/liar"
	one_error
	says "acme/voice config.json: " "$C" "so says git at $AT/liar/acme/voice.git" "another endpoint"
	prove 9 acme/plain "$AT/liar"
	one_error
	says big.safetensors "$C"
}
hidden() { # a listing that lacks a file says that it is whole
	prove 9 acme/voice "$AT/hider"
	one_error
	says "8 files" "sub/numbers.txt is not among them" "so says git at $AT/hider/acme/voice.git"
}
rows_lie() { # of big files nothing but the listing says what they are
	local row filter words
	start_fault relay --upstream "$AT"
	curl -sS --noproxy '*' --cacert "$T/ca.pem" "$AT/api/models/acme/voice/tree/$C?recursive=true" >"$T/tree.json"
	# shellcheck disable=SC2016
	for row in 'map(if .lfs then .size += 1 | .lfs.size += 1 else . end)|000 bytes there, the lock has ' \
		'map(if .path == "big.safetensors" then .lfs.oid |= "\(explode | .[0] = 48 + (.[0] + 1) % 10 | implode)" else . end)|big.safetensors: commit' \
		'. + [.[] | select(.path == "big.safetensors") | .path = "more.safetensors"]|more.safetensors: commit' \
		'map(select(.path != "big.safetensors"))|is not in the listing'; do
		filter=${row%|*} words=${row##*|}
		jq -c "$filter" "$T/tree.json" >"$T/lie.json"
		faults "$relay" "[{\"path\": \"/tree/\", \"fault\": \"status\", \"status\": 200,
			\"headers\": {\"Content-Type\": \"application/json\"}, \"body\": $(jq -Rs . "$T/lie.json")}]"
		rm -f "$T/row.json"
		expect "$([ "$words" = "is not in the listing" ] && echo 4 || echo 9)" itts lock acme/voice --prove \
			--lock "$T/row.json" --endpoint "$relay" --cache "$T/c0"
		one_error
		says "acme/voice" "$words" "$relay"
		test ! -e "$T/row.json"
	done
	# the truth goes through, and where git is not to be had, nothing is proven
	faults "$relay" '[]'
	expect 0 itts lock acme/voice --prove --lock "$T/row.json" --endpoint "$relay" --cache "$T/c0"
	rm "$T/row.json"
	faults "$relay" '[{"path": "info/refs", "fault": "status", "status": 404, "body": ""}]'
	expect 6 itts lock acme/voice --prove --lock "$T/row.json" --endpoint "$relay" --cache "$T/c0"
	one_error
	says "acme/voice is not proven: $relay/acme/voice.git: " "add an endpoint that has"
	# one that has, behind it, will do
	expect 0 itts lock acme/voice --prove --lock "$T/row.json" --endpoint "$relay" --endpoint "$AT" --cache "$T/c0"
}
manifest() { # FILE URL REVISION
	cat >"$1" <<JSON
{"format": "itts-manifest", "version": 1, "name": "g", "models": [
 {"id": "acme/voice", "git": "$2", "revision": "$3", "refs": ["main"], "views": [{"files": "*", "to": ""}]}]}
JSON
}
rows() { jq -S '.repos[0].files | map(del(.views))' "$1"; }
right() { # CACHE
	cache_is_honest "$1"
	clean "$1"
	diff -r "$T/content" "$1/models--acme--voice/snapshots/$C"
}
by_git() { # REVISION: the same files and names as the Hub says
	manifest "$T/g.json" "$AT/acme/voice.git" "$1"
	rm -f "$T/g.lock"
	expect 0 itts lock -m "$T/g.json" --lock "$T/g.lock" --endpoint "$AT" --cache "$T/c2"
	same "$(jq -r '.repos[0].commit' "$T/g.lock")" "$C"
	same "$(jq -r '.repos[0].git' "$T/g.lock")" "$AT/acme/voice.git"
	expect 0 itts lock "acme/voice@$C" --lock "$T/hub.lock" --endpoint "$AT" --cache "$T/c3"
	same "$(rows "$T/g.lock")" "$(rows "$T/hub.lock")"
}
revisions() {
	local r
	for r in main v1.0 other refs/heads/other nested refs/heads/twin refs/pr/7 pr/7 feature/näme HEAD "$C"; do
		by_git "$r"
	done
	# git's own order: the tag before the branch
	manifest "$T/g.json" "$AT/acme/voice.git" twin
	expect 0 itts lock -m "$T/g.json" --lock "$T/twin.lock" --endpoint "$AT" --cache "$T/c2"
	same "$(jq -r '.repos[0].commit' "$T/twin.lock")" "$(git -C "$W" rev-parse HEAD~1)"
	manifest "$T/g.json" "$AT/acme/voice.git" nothing
	expect 6 itts lock -m "$T/g.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c2"
	one_error
	says "acme/voice: $AT/acme/voice.git: " "no such revision: nothing" "check the name"
	manifest "$T/g.json" "$AT/acme/voice.git" "${C:0:8}"
	expect 6 itts lock -m "$T/g.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c2"
	one_error
	says "acme/voice: " "no such revision: ${C:0:8}" "all 40 digits"
	manifest "$T/g.json" "$AT/acme/voice.git" 1111111111111111111111111111111111111111
	expect 6 itts lock -m "$T/g.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c2"
	one_error
	says "acme/voice: $AT/acme/voice.git: " "not our ref 1111" "branch or tag leads to"
	manifest "$T/g.json" http://127.0.0.1:1/acme/voice.git main
	expect 4 itts lock -m "$T/g.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c2" --retries 0
	one_error
	says "acme/voice: http://127.0.0.1:1/acme/voice.git: " "check the address; a proxy is named with --proxy"
	manifest "$T/g.json" "$AT/acme/empty.git" main
	expect 6 itts lock -m "$T/g.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c2"
	one_error
	says "acme/voice: $AT/acme/empty.git: " "no such revision: main"
	clean "$T/c2"
}
dry() { # what would come, and nothing is kept
	manifest "$T/g.json" "$AT/acme/voice.git" main
	: >"$T/log/nginx.access"
	expect 0 itts fetch -m "$T/g.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c-dry" --dry-run --json
	jq -e '.missing_files == 8 and any(.missing[]; .path == "big.safetensors")' "$T/out"
	same "$(grep -c objects/batch "$T/log/nginx.access")" 0
	same "$(find "$T/c-dry" -type f -size +0 ! -name CACHEDIR.TAG | wc -l)" 0
	clean "$T/c-dry"
	test ! -e "$T/none.lock"
}
counts() { # HAD DOWNLOADED: files, of the last fetch
	same "$(jq -c '[.had_files, .downloaded_files]' "$T/out")" "[$1,$2]"
}
filled() {
	by_git main
	: >"$T/log/nginx.access"
	expect 0 itts fetch --lock "$T/g.lock" --cache "$T/c4" --endpoint http://127.0.0.1:1 --json
	right "$T/c4"
	# what came out of the pack was not there before; sources are those of Git LFS
	counts 0 8
	jq -e '.downloaded_bytes == .bytes and ([.sources[].received_bytes] | add) == 2070000' "$T/out"
	same "$(grep -c 'objects/batch 200' "$T/log/nginx.access")" 1
	# all is there: nobody is asked
	: >"$T/log/nginx.access"
	expect 0 itts fetch --lock "$T/g.lock" --cache "$T/c4" --endpoint http://127.0.0.1:1 --json
	counts 8 0
	same "$(cat "$T/log/nginx.access")" ""
	# one small file lacks, and is brought back
	rm "$(readlink -f "$T/c4/models--acme--voice/snapshots/$C/config.json")"
	expect 0 itts fetch --lock "$T/g.lock" --cache "$T/c4" --endpoint http://127.0.0.1:1 --json
	counts 7 1
	right "$T/c4"
	expect 0 itts pack --lock "$T/g.lock" --offline --cache "$T/c4" -o "$T/g.tar"
	expect 0 itts install "$T/g.tar" --cache "$T/c5" --model-dir "$T/model"
	cmp "$T/content/sub/small.bin" "$T/model/sub/small.bin"
}
batches() { grep -c 'objects/batch 200' "$T/log/nginx.access" || true; }
refusals() { grep -c 'GET /[a-z]*-cdn/[^ ]* 403' "$T/log/nginx.access" || true; }
expired() { # while others came: asked for anew, and what had come is not fetched again
	manifest "$T/e.json" "$AT/brief/acme/voice.git" main
	expect 0 itts lock -m "$T/e.json" --lock "$T/e.lock" --endpoint "$AT" --cache "$T/c2"
	: >"$T/log/nginx.access"
	expect 0 itts fetch --lock "$T/e.lock" --cache "$T/c10" --endpoint http://127.0.0.1:1 --connections 1 --json
	# the answer that has the new one counts as nothing that was received
	jq -e '.retries >= 1 and .wasted_bytes < 1048576 and
		([.sources[].received_bytes] | add) == .wasted_bytes + 2070000' "$T/out"
	right "$T/c10"
	test "$(refusals)" -ge 1
	test "$(batches)" -ge 2
}
expired_for_good() { # an end, and no storm of questions
	manifest "$T/e.json" "$AT/never/acme/voice.git" main
	expect 0 itts lock -m "$T/e.json" --lock "$T/e.lock" --endpoint "$AT" --cache "$T/c2"
	: >"$T/log/nginx.access"
	expect 5 itts fetch --lock "$T/e.lock" --cache "$T/c11" --endpoint http://127.0.0.1:1
	one_error
	says big.safetensors "$AT"
	cache_is_honest "$T/c11"
	echo "$(batches) batches, $(refusals) refusals"
	test "$(batches)" -le 40
	expect 0 itts fetch --lock "$T/g.lock" --cache "$T/c11" --endpoint http://127.0.0.1:1
	right "$T/c11"
}
redirected() {
	manifest "$T/r.json" "$AT/moved/acme/voice" main
	sed -i 's|moved/acme/voice|moved/acme/voice.git|' "$T/r.json"
	expect 0 itts lock -m "$T/r.json" --lock "$T/r.lock" --endpoint "$AT" --cache "$T/c2"
	same "$(rows "$T/r.lock")" "$(rows "$T/g.lock")"
}
old_protocols() { # versions 0 and 1 name all refs at once, and know depth as well
	local at r
	by_git main
	for at in old older; do
		for r in main v1.0 nested refs/pr/7 HEAD; do
			manifest "$T/o.json" "$AT/$at/acme/voice.git" "$r"
			rm -f "$T/o.lock"
			expect 0 itts lock -m "$T/o.json" --lock "$T/o.lock" --endpoint "$AT" --cache "$T/c2"
			same "$(rows "$T/o.lock")" "$(rows "$T/g.lock")"
		done
		manifest "$T/o.json" "$AT/$at/acme/voice.git" twin
		expect 0 itts lock -m "$T/o.json" --lock "$T/twin.lock" --endpoint "$AT" --cache "$T/c2"
		same "$(jq -r '.repos[0].commit' "$T/twin.lock")" "$(git -C "$W" rev-parse HEAD~1)"
		: >"$T/log/nginx.access"
		rm -rf "$T/c12"
		# the weights are there: Git LFS is another server's business
		cp -r "$T/c4" "$T/c12"
		rm "$(readlink -f "$T/c12/models--acme--voice/snapshots/$C/config.json")"
		expect 0 itts fetch --lock "$T/o.lock" --cache "$T/c12" --endpoint http://127.0.0.1:1
		right "$T/c12"
		test "$(awk '$1 == "POST" {print $4}' "$T/log/nginx.access")" -lt 200000 # no history
		manifest "$T/o.json" "$AT/$at/acme/voice.git" nothing
		expect 6 itts lock -m "$T/o.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c2"
		one_error
		says "acme/voice: $AT/$at/acme/voice.git: " "no such revision: nothing"
	done
	clean "$T/c2"
}
not_git() { # nothing there; not for everybody; a page; names that cannot be read
	local row status path words
	for row in "6|acme/none.git|not found" "5|shut/voice.git|who are you" "7|page/voice.git|not Git's protocol" \
		"7|acme/longer.git|SHA-256" "7|old/acme/longer.git|SHA-256"; do
		IFS='|' read -r status path words <<<"$row"
		manifest "$T/o.json" "$AT/$path" main
		HF_TOKEN=hf_canary expect "$status" itts lock -m "$T/o.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c2"
		one_error
		says "acme/voice: $AT/$path: git: " "$words"
		# no token is sent there: there is no use in one
		same "$(grep -c "HF_TOKEN\|token-for" "$T/err")" 0
		test ! -e "$T/none.lock"
	done
	clean "$T/c2"
}
no_object() { # the LFS server has lost one
	mv "$TOP/models/acme/voice/$C/sub/small.bin" "$T/kept"
	start_hub hub2 "$TOP"
	sed "s|proxy_pass $hub;|proxy_pass $hub2;|" "$T/nginx.conf" >"$T/nginx2.conf"
	cp "$T/nginx2.conf" "$T/nginx.conf"
	kill -HUP "$(cat "$T/nginx.pid")"
	sleep 0.5
	rm -rf "$T/c6"
	expect 6 itts fetch --lock "$T/g.lock" --cache "$T/c6" --endpoint http://127.0.0.1:1
	one_error
	says small.bin "Object does not exist"
	cache_is_honest "$T/c6"
	mv "$T/kept" "$TOP/models/acme/voice/$C/sub/small.bin"
}
through_squid() { # nothing of git or LFS goes around the proxy
	local proxy
	proxy=$(free_port)
	start_squid squid "$proxy" "http_access allow all"
	: >"$T/log/nginx.access"
	https_proxy=http://127.0.0.1:$proxy expect 0 itts fetch --lock "$T/g.lock" --cache "$T/c7" \
		--endpoint http://127.0.0.1:1
	right "$T/c7"
	test "$(grep -c 'CONNECT 127.0.0.1' "$T/log/squid/access")" -ge 1
}

check "a listing is proven by its commit" proven
check "a mirror that has other bytes under a commit is found out" lied
check "a mirror that leaves a file out is found out" hidden
check "a listing that lies of big files is found out" rows_lie
check "branch, tag, ref and commit of a git repository" revisions
check "filled by pack and Git LFS" filled
through_socks() {
	local proxy
	proxy=$(free_port)
	microsocks -i 127.0.0.1 -p "$proxy" -b 127.0.0.4 >"$T/log/socks.out" 2>&1 </dev/null &
	local pid=$!
	await listens "$proxy"
	: >"$T/log/nginx.access"
	https_proxy=socks5h://127.0.0.1:$proxy expect 0 itts fetch --lock "$T/g.lock" --cache "$T/c8" \
		--endpoint http://127.0.0.1:1
	right "$T/c8"
	same "$(awk '{print $NF}' "$T/log/nginx.access" | sort -u)" 127.0.0.4
	kill $pid
	wait $pid || true
}

# Proof, lock and fetch with this proxy and a CA of our own: nothing goes around it.
all_by() { # PROXY PEER
	: >"$T/log/nginx.access"
	rm -rf "$T/c13" "$T/by.lock" "$T/by-hub.lock"
	manifest "$T/by.json" "$AT/acme/voice.git" main
	expect 0 itts lock acme/voice --prove --lock "$T/by-hub.lock" --endpoint "$AT" --cache "$T/c13" \
		--proxy "$1" --ca-bundle "$T/ca.pem"
	prints "git proves the 8 files"
	expect 0 itts lock -m "$T/by.json" --lock "$T/by.lock" --endpoint "$AT" --cache "$T/c13" \
		--proxy "$1" --ca-bundle "$T/ca.pem"
	rm -rf "$T/c13"
	expect 0 itts fetch --lock "$T/by.lock" --endpoint http://127.0.0.1:1 --cache "$T/c13" \
		--proxy "$1" --ca-bundle "$T/ca.pem" --verbose
	same "$(grep -c "$WORD" "$T/out" "$T/err" | grep -vc ':0$')" 0
	right "$T/c13"
	same "$(grep -c 'POST /acme/voice.git/git-upload-pack 200' "$T/log/nginx.access")" 4
	same "$(awk '{print $NF}' "$T/log/nginx.access" | sort -u)" "$2"
}
none_by() { # PROXY
	: >"$T/log/nginx.access"
	rm -rf "$T/c14" "$T/none.lock"
	manifest "$T/by.json" "$AT/acme/voice.git" main
	expect 5 itts lock -m "$T/by.json" --lock "$T/none.lock" --endpoint "$AT" --cache "$T/c14" \
		--proxy "$1" --ca-bundle "$T/ca.pem"
	one_error
	says acme/voice proxy 127.0.0.1
	same "$(grep -c "$WORD" "$T/err")" 0
	test ! -e "$T/none.lock"
	clean "$T/c14"
	same "$(cat "$T/log/nginx.access")" ""
}
WORD=pass-$RANDOM$RANDOM
proxy_with_password() {
	local proxy helper
	unset SSL_CERT_FILE
	helper=$(find /usr/lib/squid /usr/lib64/squid -name basic_ncsa_auth 2>/dev/null | head -n 1)
	printf 'anna:%s\n' "$(openssl passwd -apr1 "$WORD")" >"$T/users"
	proxy=$(free_port)
	start_squid shut "$proxy" "auth_param basic program $helper $T/users
auth_param basic realm test
acl known proxy_auth REQUIRED
http_access allow known"
	all_by "http://anna:$WORD@127.0.0.1:$proxy" 127.0.0.3
	none_by "http://127.0.0.1:$proxy"
	none_by "http://anna:$WORD-not@127.0.0.1:$proxy"
}
socks_with_password() {
	local proxy
	unset SSL_CERT_FILE
	proxy=$(free_port)
	start shut_socks microsocks -i 127.0.0.1 -p "$proxy" -b 127.0.0.4 -u anna -P "$WORD"
	await listens "$proxy"
	all_by "socks5h://anna:$WORD@127.0.0.1:$proxy" 127.0.0.4
	none_by "socks5h://anna:$WORD-not@127.0.0.1:$proxy"
}
own_ca() { # it counts, and without it nobody is believed
	unset SSL_CERT_FILE
	manifest "$T/by.json" "$AT/acme/voice.git" main
	rm -rf "$T/ca.lock" "$T/c14"
	expect 4 itts lock -m "$T/by.json" --lock "$T/ca.lock" --endpoint "$AT" --cache "$T/c14"
	one_error
	says acme/voice "$AT" certificate --ca-bundle
	test ! -e "$T/ca.lock"
	expect 0 itts lock -m "$T/by.json" --lock "$T/ca.lock" --endpoint "$AT" --cache "$T/c14" --ca-bundle "$T/ca.pem"
	same "$(rows "$T/ca.lock")" "$(rows "$T/g.lock")"
}
silent() { # a git server that says nothing more: the deadline ends it
	local where
	start_fault mute --upstream "$AT"
	for where in info/refs git-upload-pack objects/batch; do
		# shellcheck disable=SC2154
		faults "$mute" "[{\"path\": \"$where\", \"fault\": \"stall\", \"after\": 10, \"seconds\": 30}]"
		manifest "$T/mute.json" "$mute/acme/voice.git" main
		rm -rf "$T/c15" "$T/mute.lock"
		expect 4 itts fetch -m "$T/mute.json" --lock "$T/mute.lock" --endpoint "$AT" --cache "$T/c15" --deadline 2s
		one_error
		says acme/voice deadline
		cache_is_honest "$T/c15"
		clean "$T/c15"
	done
}
# A branch leads to a commit, which is what is proven, wherever the branch is by then.
branch_proven() {
	local lock=$T/p-$BASHPID.json
	prove 0 acme/voice@main "$AT"
	same "$(jq -r '.repos[0].commit' "$lock")" "$C"
	git -C "$T/git/acme/voice.git" update-ref refs/heads/main "$C~1"
	trap 'git -C "$T/git/acme/voice.git" update-ref refs/heads/main "$C"' RETURN
	prove 0 acme/voice@main "$AT"
	prints "git proves the 8 files"
	same "$(jq -r '.repos[0].commit' "$lock")" "$C"
	prove 9 acme/voice@main "$AT/liar"
	one_error
	says "acme/voice config.json: " "$C" "so says git at $AT/liar/acme/voice.git"
}

check "a branch: its commit is proven" branch_proven
check "through a proxy that wants a password, with a CA of one's own" proxy_with_password
check "through a SOCKS proxy that wants a password" socks_with_password
check "a CA of one's own, or none" own_ca
check "a git server that falls silent" silent
check "a URL of Git LFS that expires on the way" expired
check "URLs of Git LFS that are never good" expired_for_good
check "through squid" through_squid
check "through a SOCKS proxy" through_socks
check "a redirect of the repository" redirected
check "older protocols" old_protocols
check "no repository, or none for us" not_git
leftovers() { # of a process that was killed: gone with the next pack, a running one's are not
	mkdir -p "$T/c9/.itts-git-old" "$T/c9/.itts-git-new"
	echo x >"$T/c9/.itts-git-old/pack_1"
	touch -d '2 days ago' "$T/c9/.itts-git-old"
	expect 0 itts fetch --lock "$T/g.lock" --cache "$T/c9" --endpoint http://127.0.0.1:1
	test ! -e "$T/c9/.itts-git-old"
	test -d "$T/c9/.itts-git-new"
}

check "what a killed process left" leftovers
check "--dry-run keeps nothing" dry
check "an object that Git LFS has not got" no_object
finish
