#!/usr/bin/env bash
# Traps of public mirrors of the Hub, each played by nginx before the local hub:
# pages and headers that are not rewritten, left out or made up, censored names,
# web pages with status 200, a prefix.
. "$(dirname "$0")/lib.sh"

need python3 jq nginx
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" acme/voice $A config.json=300 big.safetensors=3000000 wav/xJpDPrwLJh4.bin=50000 z.txt=5
repo "$TOP" acme/many $A {a,b,c,d,e,f}.safetensors=1200000 {1,2,3,4,5,6}.json=300
SRC=$TOP/models/acme/voice/$A
PORT=$(free_port)
MIRROR=http://127.0.0.1:$PORT
DEAD=http://127.0.0.1:$(free_port)
start_hub hub "$TOP" --page-size 2
# shellcheck disable=SC2154
start_nginx "$PORT" '$request_uri|$http_referer|$http_authorization|$http_cookie' <<CONF
	server {
		listen 127.0.0.1:$PORT;
		# the Hub's own path in Link, whatever the prefix; a censor
		location /csg/ {
			if (\$request_uri ~* (xjp|xijin|jinpin)) { return 403 "invalid request"; }
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /csg/\$1;
		}
		# no header that a client could lean on
		location /bare/ {
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /bare/\$1;
			proxy_hide_header X-Repo-Commit; proxy_hide_header X-Linked-ETag;
			proxy_hide_header X-Linked-Size; proxy_hide_header ETag;
			proxy_hide_header Accept-Ranges; proxy_hide_header X-Error-Code;
			proxy_hide_header Content-Length;
		}
		# metadata here, files at the Hub itself
		location ~ ^/away/(api/.*)\$ { proxy_pass $hub/\$1\$is_args\$args; }
		location ~ ^/away/(.*)\$ { return 308 $hub/\$1; }
		# a CDN name that the mirror does not know: sent on to its front page
		location ~ ^/catch/(api/.*)\$ { proxy_pass $hub/\$1\$is_args\$args; }
		location /catch/ { return 302 $MIRROR/front; }
		# a name of another content where the SHA-256 is said to stand
		location /xet/ {
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /xet/\$1;
			proxy_hide_header X-Linked-ETag;
			add_header X-Linked-ETag '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"' always;
		}
		# edits what it passes on under the name of a branch
		location ~ ^/edit/(.*/tree/main.*)\$ { return 500; }
		location /edit/ {
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /edit/\$1;
		}
		# its redirects lead to a host that this network does not let through
		location /blocked/ {
			proxy_pass $hub/;
			proxy_redirect $hub_CDN/ $DEAD/;
			proxy_redirect ~^/(.*)\$ /blocked/\$1;
		}
		location /cut/ { return 444; }
		# redirects without a host, and nothing without the query of theirs
		absolute_redirect off;
		location /rel/ {
			proxy_pass $hub/;
			proxy_redirect ~^/(.*)\$ /rel/\$1;
		}
		location /rel/api/resolve-cache/ {
			if (\$arg_etag = "") { return 404; }
			proxy_pass $hub/api/resolve-cache/;
		}
		location / { default_type text/html; return 200 "<!doctype html><title>Log in</title>"; }
		location /page/api/ { proxy_pass $hub/api/; }
		location /page/ { default_type text/html; return 200 "<!doctype html><title>Log in</title>"; }
	}
CONF
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"

lock_same() { # ENDPOINT: the lock made there is the Hub's, byte for byte
	rm -rf "$T/l-$BASHPID.json"
	expect 0 itts lock acme/voice --lock "$T/l-$BASHPID.json" --endpoint "$@" --cache "$T/c0"
	cmp "$T/l-$BASHPID.json" "$T/lock.json"
}
fetch() { # ENDPOINTS...
	rm -rf "$T/c-$BASHPID"
	expect 0 itts fetch --lock "$T/lock.json" "$@" --cache "$T/c-$BASHPID"
	cache_is_honest "$T/c-$BASHPID"
	diff -r "$SRC" "$T/c-$BASHPID/models--acme--voice/snapshots/$A"
}
both() {
	lock_same "$1"
	fetch --endpoint "$1"
}
prefix() { # Link names huggingface.co; pages are asked for below the prefix all the same
	lock_same "$MIRROR/csg"
	test "$(grep -c '^/csg/api/.*cursor=' "$T/log/nginx.access")" -ge 1
}
censored() {
	fetch --endpoint "$MIRROR/csg" --endpoint "$hub"
	same "$(jq -r 'select(.path | test("xJp")) | .path' "$T/log/hub.requests" | sort -u | grep -c resolve/)" 1
	# all else came through the mirror, and it is not dropped for it
	grep -q '^/csg/.*big.safetensors' "$T/log/nginx.access"
	grep -q '^/csg/.*z.txt' "$T/log/nginx.access"
	rm -rf "$T/c-$BASHPID"
	expect 5 itts fetch --lock "$T/lock.json" --endpoint "$MIRROR/csg" --cache "$T/c-$BASHPID"
	one_error
	says xJpDPrwLJh4 403
	test -L "$T/c-$BASHPID/models--acme--voice/snapshots/$A/z.txt" || test -e "$T/c-$BASHPID"
}
sent_away() { # 308 to another host: followed, without the token
	HF_TOKEN=hf_CaNaRy0 expect 0 itts fetch --lock "$T/lock.json" --endpoint "$MIRROR/away" \
		--token-for "$MIRROR/away" --cache "$T/c-$BASHPID"
	cache_is_honest "$T/c-$BASHPID"
	same "$(jq -r 'select(.auth) | .path' "$T/log/hub.requests" | grep -c resolve)" 0
	lock_same "$MIRROR/away"
}
by_commit() { # listings are asked for by commit, which no mirror edits
	lock_same "$MIRROR/edit"
	same "$(grep -c '^/edit/.*/tree/main' "$T/log/nginx.access")" 0
}
web_page() {
	expect 4 itts lock acme/voice --lock "$T/w.json" --endpoint "$MIRROR" --cache "$T/c9"
	one_error
	says "web page" "127.0.0.1:$PORT"
	expect 4 itts lock acme/voice --lock "$T/w.json" --endpoint "modelscope=$MIRROR" --cache "$T/c9"
	one_error
	says "web page"
	fetch --endpoint "$MIRROR/page" --endpoint "$hub"
	rm -rf "$T/c-$BASHPID"
	expect 9 itts fetch --lock "$T/lock.json" --endpoint "$MIRROR/page" --cache "$T/c-$BASHPID"
	one_error
	says "a web page instead of the file"
}
front_page() {
	fetch --endpoint "$MIRROR/catch" --endpoint "$hub"
	grep -q '^/front' "$T/log/nginx.access"
	rm -rf "$T/c-$BASHPID"
	expect 9 itts fetch --lock "$T/lock.json" --endpoint "$MIRROR/catch" --cache "$T/c-$BASHPID"
	one_error
	says "acme/voice " "$MIRROR" "a web page instead of the file"
	same "$(find "$T/c-$BASHPID" -type f -path '*/blobs/*' ! -name '*.itts-part' | wc -l)" 0
}
same_host() { # prefixes of one host are endpoints of their own, in each message
	fetch --endpoint "$MIRROR/page" --endpoint "$MIRROR/bare" --json
	says "$MIRROR/page: acme/voice " "$MIRROR/page is not asked any more"
	jq -e --arg m "$MIRROR" '[.sources[].endpoint] == [$m + "/page", $m + "/bare"] and
		.sources[0].dropped and .sources[1].received_bytes > 3000000' "$T/out"
	fetch --endpoint "$MIRROR/page" --endpoint "$MIRROR/bare" --only-mirror "$MIRROR/bare"
	expect 2 itts fetch --lock "$T/lock.json" --endpoint "$MIRROR/bare" --only-mirror nobody
	says "none of the endpoints: $MIRROR/bare"
	# where only the host is known to the line, too
	expect 4 itts lock acme/voice --lock "$T/w.json" --endpoint "$MIRROR/cut" --retries 0 --cache "$T/c9"
	one_error
	says "$MIRROR/cut: "
	rm -rf "$T/c-$BASHPID"
	expect 4 itts fetch --lock "$T/lock.json" --endpoint "$MIRROR/cut" --retries 0 --cache "$T/c-$BASHPID"
	one_error
	says "acme/voice " "$MIRROR/cut: "
	expect 0 itts fetch --lock "$T/lock.json" --endpoint "$MIRROR/bare" --dry-run --cache "$T/c-$BASHPID"
	prints "$MIRROR/bare"
	expect 0 itts mirrors acme/voice --endpoint "$MIRROR/page" --endpoint "$MIRROR/bare"
	prints "$MIRROR/page  " "$MIRROR/bare  " "$MIRROR/page: listings, no files" "$MIRROR/bare: listings, files"
}
relative_redirect() { # its query is part of it
	lock_same "$MIRROR/rel"
	fetch --endpoint "$MIRROR/rel"
	grep -q '^/rel/api/resolve-cache/.*?etag=' "$T/log/nginx.access"
}
blocked_host() { # is chosen against by itself: what else the mirror sends comes from it
	expect 0 itts lock acme/many --lock "$T/many.json" --endpoint "$hub" --cache "$T/c0"
	: >"$T/log/nginx.access"
	rm -rf "$T/c-$BASHPID"
	expect 0 itts fetch --lock "$T/many.json" --endpoint "$MIRROR/blocked" --endpoint "$hub" --jobs 1 \
		--cache "$T/c-$BASHPID" --json
	cp "$T/log/nginx.access" "$T/access"
	jq -e '.sources[0].dropped == false' "$T/out"
	same "$(grep -c '^/blocked/api/resolve-cache/.*json' "$T/access")" 6
	# two files found out; the rest did not even try
	says "redirects to $DEAD, which cannot be reached"
	test "$(grep -c '^/blocked/.*safetensors' "$T/access")" -le 8
	# nobody else: the first says why, and the others need not wait as long
	rm -rf "$T/c-$BASHPID"
	expect 4 itts fetch --lock "$T/many.json" --endpoint "$MIRROR/blocked" --jobs 1 --retries 1 --cache "$T/c-$BASHPID"
	one_error
	says "6 of 12 files" "acme/many " "$MIRROR/blocked: $DEAD: cannot connect"
	local cache=$T/c-$BASHPID
	same "$(find "$cache" -type l -path '*/snapshots/*.json' | wc -l)" 6
}
no_referer() { # some mirrors answer it with a page
	same "$(awk -F'|' '$2 != "-"' "$T/log/nginx.access")" ""
}

check "a prefix, and Link headers that name the Hub" prefix
check "missing headers: commit, etag, length" both "$MIRROR/bare"
check "an X-Linked-ETag that looks like a SHA-256 and is none" both "$MIRROR/xet"
check "files by 308 to another host, without the token" sent_away
check "listings by commit" by_commit
check "a censored path: this file from the next endpoint, the others from here" censored
check "web pages with status 200" web_page
check "a redirect to the front page in place of the file" front_page
check "two prefixes of one host" same_host
check "relative redirects with a query" relative_redirect
check "a redirect host that is not to be reached" blocked_host
check "no Referer" no_referer
finish
