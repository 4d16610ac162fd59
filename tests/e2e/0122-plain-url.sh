#!/usr/bin/env bash
# Files of no hub, each by its URL and SHA-256, beside a repository of the Hub.
. "$(dirname "$0")/lib.sh"

need python3 jq nginx
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300
mkdir -p "$T/www/files"
head -c 3000000 /dev/urandom >"$T/www/files/g.pth"
echo small >"$T/www/files/notes v1.txt"
BIG=$(sha256sum <"$T/www/files/g.pth" | cut -d' ' -f1)
SMALL=$(sha256sum <"$T/www/files/notes v1.txt" | cut -d' ' -f1)
PORT=$(free_port)
PORT2=$(free_port)
WEB=http://127.0.0.1:$PORT
echo "hf_canary granted" >"$T/tokens"
start_hub hub "$TOP" --tokens "$T/tokens"
start_nginx "$PORT" '$request_method $request_uri $status "$http_authorization" "$http_cookie"' <<CONF
	server {
		listen 127.0.0.1:$PORT;
		root $T/www;
		location /moved/ { rewrite ^/moved/(.*)\$ http://127.0.0.1:$PORT2/files/\$1?sig=s3cret redirect; }
		location /gone/ { return 404; }
		location /shut/ { return 401; }
		location /forbidden/ { default_type text/plain; return 403 "ask Eve\n"; }
		location /page/ { default_type text/html; return 200 "<!doctype html>sorry"; }
	}
	server { listen 127.0.0.1:$PORT2; root $T/www; }
CONF

manifest() { # FILE URL: g.pth from there
	cat >"$1" <<JSON
{"format": "itts-manifest", "version": 1, "name": "mine", "models": [
 {"id": "acme/voice"},
 {"id": "my/vocoder", "urls": {"g.pth": "$2", "doc/notes.txt": "$WEB/files/notes%20v1.txt"},
  "digests": {"g.pth": {"sha256": "$BIG"}, "doc/notes.txt": {"sha256": "$SMALL", "size": 6}},
  "views": [{"files": "g.pth", "to": "vocoder/"}]}]}
JSON
}
manifest "$T/m.json" "$WEB/files/g.pth"
manifest "$T/moved.json" "$WEB/moved/g.pth"
manifest "$T/gone.json" "$WEB/gone/g.pth"
manifest "$T/page.json" "$WEB/page/g.pth"
manifest "$T/shut.json" "$WEB/shut/g.pth"

whole_way() {
	HF_TOKEN=hf_canary expect 0 itts lock -m "$T/m.json" --lock "$T/lock.json" --endpoint "$hub" \
		--token-for "$hub" --cache "$T/c1"
	same "$(jq -r '.repos[1].files[] | "\(.path) \(.size) \(.sha256) \(.url)"' "$T/lock.json")" \
		"doc/notes.txt 6 $SMALL $WEB/files/notes%20v1.txt
g.pth 3000000 $BIG $WEB/files/g.pth"
	HF_TOKEN=hf_canary expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --token-for "$hub" --cache "$T/c1"
	cache_is_honest "$T/c1"
	expect 0 itts pack --lock "$T/lock.json" --cache "$T/c1" --offline -o "$T/b.tar"
	expect 0 itts install "$T/b.tar" --cache "$T/c2" --model-dir "$T/model"
	cmp "$T/www/files/g.pth" "$T/model/vocoder/g.pth"
	cmp "$T/www/files/notes v1.txt" "$T"/c2/models--my--vocoder/snapshots/*/doc/notes.txt
	same "$(grep -vc '"-" "-"$' "$T/log/nginx.access")" 0 # no token, no cookie
}
again() { # same files, same bytes of the lock, wherever they are
	expect 0 itts lock -m "$T/m.json" --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c1" --check
	expect 0 itts lock -m "$T/moved.json" --lock "$T/moved.lock" --endpoint "$hub" --cache "$T/c1"
	same "$(jq -r '.repos[1].commit' "$T/moved.lock")" "$(jq -r '.repos[1].commit' "$T/lock.json")"
}
redirected() {
	expect 0 itts fetch --lock "$T/moved.lock" --endpoint "$hub" --cache "$T/c3" --verbose
	cache_is_honest "$T/c3"
	cp "$T/out" "$T/err" "$T/log"
	same "$(grep -rl s3cret "$T/c3" "$T/out" "$T/err" "$T/moved.lock")" ""
}
gone() {
	expect 6 itts lock -m "$T/gone.json" --lock "$T/gone.lock" --endpoint "$hub" --cache "$T/c4"
	one_error
	says g.pth "127.0.0.1:$PORT" "URL in the manifest"
}
page() { # a login page: its size gets into no lock
	expect 4 itts lock -m "$T/page.json" --lock "$T/page.lock" --endpoint "$hub" --cache "$T/c4"
	one_error
	says my/vocoder g.pth "127.0.0.1:$PORT" "web page" "check the URL in the manifest"
	not grep "address of a hub" "$T/err"
	test ! -e "$T/page.lock"
	# what is meant to be a page is one
	echo '<p>terms' >"$T/www/files/terms.html"
	sed "s|files/notes%20v1.txt|files/terms.html|; s|$SMALL\", \"size\": 6|$(sha256sum <"$T/www/files/terms.html" | cut -d' ' -f1)\"|" \
		"$T/m.json" >"$T/terms.json"
	expect 0 itts lock -m "$T/terms.json" --lock "$T/terms.lock" --endpoint "$hub" --cache "$T/c4"
	same "$(jq -r '.repos[1].files[0].size' "$T/terms.lock")" 9
}
shut() { # no advice of a token, which nobody sends there
	expect 5 itts lock -m "$T/shut.json" --lock "$T/shut.lock" --endpoint "$hub" --cache "$T/c4"
	one_error
	says my/vocoder g.pth "127.0.0.1:$PORT" "access is refused" "URL in the manifest"
	same "$(grep -c HF_TOKEN "$T/err")" 0
}
closed_later() { # fetch has the same words as lock, in place of advice for hubs
	local place status=5
	for place in shut forbidden gone; do
		[ $place != gone ] || status=6
		sed "s|files/g.pth|$place/g.pth|" "$T/lock.json" >"$T/later.json"
		HF_TOKEN=hf_canary expect $status itts fetch --lock "$T/later.json" --endpoint "$hub" --cache "$T/c-$place"
		one_error
		says "$WEB: my/vocoder g.pth: " "check the URL in the manifest; no token is sent there"
		same "$(grep -c "HF_TOKEN\|token-for\|a hub would" "$T/err")" 0
		cache_is_honest "$T/c-$place"
		[ $place != forbidden ] || says "the server says: ask Eve"
	done
}
dead() { # nobody there: the file is named, and the host
	manifest "$T/dead.json" "http://127.0.0.1:$(free_port)/g.pth"
	expect 4 itts lock -m "$T/dead.json" --lock "$T/dead.lock" --endpoint "$hub" --cache "$T/c4" --retries 0
	one_error
	says my/vocoder g.pth "http://127.0.0.1:" "cannot connect"
	not grep -q "itts-pack mirrors" "$T/err" # no hub would help
	test ! -e "$T/dead.lock"
	# nor later
	sed "s|$WEB|http://127.0.0.1:$(free_port)|" "$T/lock.json" >"$T/later.json"
	expect 4 itts fetch --lock "$T/later.json" --endpoint "$hub" --cache "$T/c-dead" --retries 0
	one_error
	says my/vocoder "http://127.0.0.1:" "cannot connect" "check the address"
	not grep "itts-pack mirrors" "$T/err"
}
changed() { # other bytes of the same length: never in the cache
	cp "$T/www/files/g.pth" "$T/kept"
	flip "$T/www/files/g.pth" 99
	expect 9 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c5"
	one_error
	says g.pth sha256 "check its URL and its sha256 in the manifest"
	cache_is_honest "$T/c5"
	cp "$T/kept" "$T/www/files/g.pth"
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c5"
	cache_is_honest "$T/c5"
}
hub_as_source() { # the hub is never asked for them
	same "$(jq -r .path "$T/log/hub.requests" | grep -c vocoder)" 0
}
check "lock, fetch, pack, install" whole_way
check "the commit follows from the files" again
check "a redirect to a signed URL" redirected
check "not there" gone
check "a page in its place" page
check "not for everybody" shut
check "closed since the lock was made" closed_later
check "a host that is gone" dead
check "changed since: refused, then repaired" changed
check "the hub is not asked for them" hub_as_source
finish
