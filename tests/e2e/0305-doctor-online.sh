#!/usr/bin/env bash
# doctor --online: a hub that answers, and each way in which it does not.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq openssl
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
captive() {
	local port
	port=$(free_port)
	mkdir -p "$T/empty"
	start captive python3 -m http.server --bind 127.0.0.1 --directory "$T/empty" "$port"
	await curl -s -o /dev/null "http://127.0.0.1:$port/"
	asked "http://127.0.0.1:$port" ": captive" "login page"
}
check "captive: an answer, but not of a hub" captive
intercepted() {
	local port
	port=$(free_port)
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Firewall CA" \
		-keyout "$T/fw.key" -out "$T/fw.pem" 2>/dev/null
	start tls openssl s_server -accept "127.0.0.1:$port" -key "$T/fw.key" -cert "$T/fw.pem" -www -quiet
	await curl -sk -o /dev/null "https://127.0.0.1:$port/"
	asked "https://127.0.0.1:$port" ": intercepted" "certificate"
}
check "intercepted: another certificate" intercepted
proxied() {
	https_proxy=http://me:secret-word@127.0.0.1:$(free_port) asked https://hub.invalid ": the proxy fails" "ProxyError"
	! grep secret-word "$T/out" "$T/err"
}
check "a dead proxy, and its password is not shown" proxied

finish
