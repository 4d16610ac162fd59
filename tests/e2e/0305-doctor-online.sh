#!/usr/bin/env bash
# doctor --online: a hub that answers, and each way in which it does not.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq openssl ip squid
A=1111111111111111111111111111111111111111
TOP=$T/repos
repo "$TOP" facebook/w2v-bert-2.0 $A config.json=300 model.safetensors=30000
start_hub hub "$TOP"

answers() {
	HF_ENDPOINT=$hub doctor --online
	lacks online.hub
	jq -e '[.facts[] | select(.topic == "network") | .text | contains("answers as a hub")] == [true, true]' "$T/out"
}
check "a hub: both files, nothing to say" answers
asked() { # URL STATE WORDS
	HF_ENDPOINT=$1 doctor --online
	finds warning online.hub "$2" "$3"
	HF_ENDPOINT=$1 HF_HUB_OFFLINE=1 doctor --online
	finds note online.hub "$2"
}
check "refused" asked "http://127.0.0.1:$(free_port)" ": refused" "firewall that answers"
check "the name is not found" asked https://hub.invalid ": name not found" "no DNS"
check "refused, by a host that is called proxy" \
	asked "http://hf-proxy.localhost:$(free_port)" ": refused" "firewall that answers"
captive() {
	local port
	port=$(free_port)
	mkdir -p "$T/empty"
	start captive python3 -m http.server --bind 127.0.0.1 --directory "$T/empty" "$port"
	await curl -s -o /dev/null "http://127.0.0.1:$port/"
	asked "http://127.0.0.1:$port" ": captive" "login page"
}
check "captive: an answer, but not of a hub" captive
# A firewall that looks into TLS: its CA signs a certificate for each host.
firewall() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/O=Example GmbH/CN=Firewall CA" \
		-keyout "$T/ca.key" -out "$T/ca.pem" 2>/dev/null
	openssl req -newkey rsa:2048 -nodes -subj "/CN=127.0.0.1" -addext "subjectAltName=IP:127.0.0.1" \
		-keyout "$T/fw.key" -out "$T/fw.csr" 2>/dev/null
	openssl x509 -req -in "$T/fw.csr" -CA "$T/ca.pem" -CAkey "$T/ca.key" -CAcreateserial -days 2 \
		-copy_extensions copy -out "$T/fw.pem" 2>/dev/null
	PORT=$(free_port)
	start tls openssl s_server -accept "127.0.0.1:$PORT" -key "$T/fw.key" -cert "$T/fw.pem" -www
	await curl -sk -o /dev/null "https://127.0.0.1:$PORT/"
}
intercepted() {
	firewall
	asked "https://127.0.0.1:$PORT" ": intercepted" "issued by"
	finds note online.hub "Firewall CA" "Example GmbH"
	# its twin: the company's CA is trusted
	HF_ENDPOINT=https://127.0.0.1:$PORT SSL_CERT_FILE=$T/ca.pem doctor --online
	finds warning online.hub ": captive"
	not grep "Firewall CA" "$T/out"
}
check "intercepted: who issued the certificate" intercepted
not_believed() { # its certificate is looked at, and nothing is asked of it
	start_hub tls "$TOP" --tls-cert "$T/fw.pem" --tls-key "$T/fw.key"
	# shellcheck disable=SC2154
	HF_ENDPOINT=$tls doctor --online
	finds warning online.hub "Firewall CA" "Example GmbH"
	same "$(cat "$T/log/tls.requests")" ""
}
check "intercepted: nothing is sent there" not_believed
# The same behind a proxy: it is asked by way of that as well, with its credentials.
intercepted_by_proxy() {
	local helper port word=pass-$RANDOM$RANDOM
	helper=$(find /usr/lib/squid /usr/lib64/squid -name basic_ncsa_auth 2>/dev/null | head -n 1)
	printf 'anna:%s\n' "$(openssl passwd -apr1 "$word")" >"$T/users"
	port=$(free_port)
	start_squid squid "$port" "auth_param basic program $helper $T/users
auth_param basic realm test
acl known proxy_auth REQUIRED
http_access allow known"
	start_hub tls2 "$TOP" --tls-cert "$T/fw.pem" --tls-key "$T/fw.key"
	# shellcheck disable=SC2154
	export HF_ENDPOINT=$tls2
	https_proxy=http://anna:$word@127.0.0.1:$port doctor --online
	finds warning online.hub ": intercepted" "Firewall CA" "Example GmbH" "through the proxy http://127.0.0.1:$port"
	not grep "$word" "$T/out" "$T/err"
	same "$(cat "$T/log/tls2.requests")" ""
	same "$(grep -c "/200 .*CONNECT ${tls2#https://} anna" "$T/log/squid/access")" 2
	# what fails then is the proxy: nobody is said to look into TLS
	https_proxy=http://127.0.0.1:$port doctor --online
	finds warning online.hub ": the proxy fails" "wants a user name" "http://USER:PASSWORD@HOST:PORT"
	not grep -i "issued by\|intercepted" "$T/out"
	# one that answers with pages
	start_fault pages --upstream "$hub"
	faults "$pages" '[{"path": ".", "fault": "html"}]'
	https_proxy=$pages doctor --online
	finds warning online.hub ": the proxy fails" "$pages"
	not grep -i "issued by\|intercepted" "$T/out"
}
proxied() {
	https_proxy=http://me:secret-word@127.0.0.1:$(free_port) asked https://hub.invalid ": the proxy fails" "ProxyError"
	not grep secret-word "$T/out" "$T/err"
}
check "intercepted behind a proxy, and a proxy that answers with pages" intercepted_by_proxy
check "a dead proxy, and its password is not shown" proxied

in_namespace() { # COMMANDS: with an interface of its own or none, then doctor --online
	unshare -n sh -c "ip link set lo up && $1 HF_ENDPOINT=https://10.9.9.2 '$PROGRAM' doctor --online --json" \
		>"$T/out" 2>"$T/err" || :
	read_findings
}
firewalled() {
	in_namespace "ip link add v0 type veth peer name v1 && ip addr add 10.9.9.1/24 dev v0 &&
		ip link set v0 up && ip link set v1 up && ip neigh add 10.9.9.2 lladdr 02:00:00:00:00:02 dev v0 &&"
	finds warning online.hub ": dropped" "stays silent"
	in_namespace ""
	finds warning online.hub ": no route" "at once"
}
if [ "$(id -u)" -eq 0 ] && unshare -n true 2>/dev/null; then
	check "dropped, and no route" firewalled
else
	skip_one "dropped, and no route" "no namespace"
fi
finish
