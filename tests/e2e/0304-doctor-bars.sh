#!/usr/bin/env bash
# doctor opens no socket, changes nothing, is fast, and works without Python and
# without rights; what it prints fits a screen.
# run: alone
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq strace
must tree new
cd "$TREES/new"

watched() {
	HF_HUB_OFFLINE=0 HF_TOKEN=hf_aSecretSecret1 https_proxy=http://127.0.0.1:1 \
		strace -f -qq -o "$T/trace" -e trace=all "$PROGRAM" doctor --json >"$T/out" || :
	jq -e '.findings | length > 0' "$T/out"
	! grep -E '^[0-9]+ +(socket|connect|sendto|sendmsg|bind|getaddrinfo)\(' "$T/trace"
	# what writes: only standard output
	! grep -E '^[0-9]+ +(unlink|unlinkat|rename|renameat2?|mkdir|mkdirat|link|linkat|symlink|symlinkat|truncate|ftruncate|chmod|fchmod|fchmodat|chown|fchownat|utimensat|fallocate|setxattr|mknod|mount|kill)\(' "$T/trace"
	! grep -E '^[0-9]+ +open(at)?\(.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC)' "$T/trace" | grep -v '"/dev/nvidia'
	grep -E '^[0-9]+ +(write|pwrite64|writev)\(' "$T/trace" | grep -vE '\((1|2), ' && return 1
	grep -q 'execve' "$T/trace"
}
if ! sanitized; then check "no socket, no write" watched; fi

state() { find . -printf '%p %s %m %T@ %C@ %i\n' | sort; }
unchanged() {
	state >"$T/before"
	doctor
	HF_HUB_OFFLINE=1 doctor
	quiet
	state >"$T/after"
	cmp "$T/before" "$T/after"
}
check "nothing is changed" unchanged

# the best of ten: a loaded machine lets single ones wait
fast() {
	local i begin took best=1000000
	export HF_HUB_OFFLINE=1
	for ((i = 0; i < 10; i++)); do
		begin=${EPOCHREALTIME/./}
		itts doctor >"$T/out" || :
		took=$((${EPOCHREALTIME/./} - begin))
		[ $took -ge $best ] || best=$took
	done
	echo "$best us"
	[ $best -lt 200000 ]
}
if ! sanitized; then check "200 ms for a complete model directory" fast; fi

alone() {
	env -i HF_HUB_OFFLINE=1 PATH=/nonexistent HOME="$T/none" "$PROGRAM" doctor --json >"$T/out" || :
	read_findings
	quiet
	env -i PATH=/nonexistent "$PROGRAM" doctor --json >"$T/out" || :
	read_findings
	lacks files.missing
}
check "without Python, PATH and HOME" alone

nobody() {
	[ "$(id -u)" -eq 0 ] || return 0
	chmod 755 "$T" "$TREES" "$TREES/new"
	cp "$PROGRAM" "$T/itts-pack"
	chmod 755 "$T/itts-pack"
	chmod 600 checkpoints/gpt.pth
	setpriv --reuid 65534 --regid 65534 --clear-groups env HF_HUB_OFFLINE=1 \
		"$T/itts-pack" doctor --json >"$T/out" || :
	chmod 644 checkpoints/gpt.pth
	read_findings
	finds error files.unreadable gpt.pth
}
check "as another user: what cannot be read" nobody

screen() {
	HF_HUB_OFFLINE=1 itts doctor >"$T/text" || :
	cat "$T/text"
	[ "$(wc -l <"$T/text")" -le 24 ]
	awk 'length > 100 { exit 1 }' "$T/text"
	grep -q 'the program will' "$T/text"
	HF_HUB_OFFLINE=1 itts doctor --quiet >"$T/text" || :
	grep -q '17\|ok' "$T/text" && return 1
	HF_HUB_OFFLINE=1 itts doctor --verbose >"$T/text" || :
	grep -q '17 ok' "$T/text"
}
check "fits a screen; --verbose shows every step" screen

worst_first() {
	local work=$T/worst
	cp -al "$TREES/new" "$work" && cd "$work"
	rm checkpoints/bpe.model
	TRANSFORMERS_TIMEOUT=1 https_proxy=http://h:1 doctor
	[ "$(jq -c '[.findings[].severity] | map({error: 0, warning: 1, note: 2}[.]) | . == sort' "$T/out")" = true ]
	[ "$(jq -r '.findings[0].severity' "$T/out")" = error ]
	[ "$(jq -r '.findings[-1].severity' "$T/out")" = note ]
}
check "worst first" worst_first

finish
