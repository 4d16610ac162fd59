#!/usr/bin/env bash
# doctor opens no socket, changes nothing, is fast, and works without Python and
# without rights; what it prints fits a screen.
# run: alone
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/doctor.sh"

need python3 jq strace
must tree new
must tree old --program old --layout hub
must python3 "$ROOT/tests/e2e/model_tree.py" --venv "$T/venv" torch=2.8.0 transformers=4.52.1
# a home and a cache of its own, as a machine that was used with network has them
mkdir -p "$HOME/.cache/huggingface" "$HOME/.config"
cp -al "$TREES/old/checkpoints/hf_cache" "$HOME/.cache/huggingface/hub"
printf 'hf_aSecretSecret1' >"$HOME/.cache/huggingface/token"
echo '>> GPT weights restored from: checkpoints/gpt.pth' >"$T/start.log"
cd "$TREES/new" || exit

# Of a trace, what could change something or talk to somebody: every call that is not known
# to be harmless, and those whose words make them so. Its one child, in which the driver's
# library is asked for, gets a question of one byte. PATH is not looked through: what
# nvidia-smi does is not of this program.
HARMLESS='access|arch_prctl|brk|clock_gettime|close|dup2|eventfd2|exit|exit_group|faccessat|faccessat2|fadvise64|fcntl|fstat|fstatfs|futex|getcwd|getdents64|getegid|geteuid|getgid|getpid|getrandom|gettid|getuid|lseek|lstat|madvise|mprotect|mremap|munmap|newfstatat|pipe2|poll|pread64|prlimit64|read|readlink|readlinkat|readv|restart_syscall|rseq|rt_sigaction|rt_sigprocmask|sched_getaffinity|set_robust_list|set_tid_address|sigaltstack|stat|statfs|statx|sysinfo|umask|uname|wait4'
WORDS='(write|writev|ioctl)\((1|2)[,<]|write\([0-9]+, "\?", 1\)|prctl\(PR_SET_PDEATHSIG|mmap\(.*MAP_PRIVATE'
WORDS+='|clone3?\(.*child_tidptr|openat\([^,]*, "/dev/null", O_RDWR|openat2?\([^,]*, "[^"]*"(\.\.\.)?, (\{flags=)?[O_A-Z|]*[,)]'
# A call during which another process was seen stands in two lines: one again.
whole_calls() {
	awk '{ pid = $1 }
		/ <unfinished \.\.\.>$/ { sub(/ *<unfinished \.\.\.>$/, ""); begun[pid] = $0; next }
		pid in begun && sub(/^[0-9]+ +<\.\.\. [a-z0-9_]+ resumed>/, "") { print begun[pid] $0; delete begun[pid]; next }
		{ print }
		END { for (pid in begun) print begun[pid] }'
}
harm() { # TRACE
	local child
	whole_calls <"$1" >"$1.calls"
	set -- "$1.calls"
	child=$(sed -nE 's/^[0-9]+ +(clone3?\(.*|<\.\.\. clone3? resumed.*)\) += ([0-9]+)$/\2/p' "$1" | head -n 1)
	sed -E 's/^[0-9]+ +//' "$1" | tail -n +2 | # (its own execve is the first)
		grep -vE "^($HARMLESS)\(|^($WORDS)|^<\.\.\. |^[+-]{3} (exited|killed|SIG)|^kill\(${child:-none}, SIGKILL" || :
	grep -E '^[0-9]+ +open.*(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND|O_TMPFILE)' "$1" | grep -v '"/dev/null"' || :
}
watched() { # DIRECTORY OPTIONS...
	cd "$1" || return
	shift
	env PATH=/nonexistent HF_HUB_OFFLINE=0 HF_TOKEN=hf_aSecretSecret1 https_proxy=http://127.0.0.1:1 \
		"$(type -P strace)" -f -qq -o "$T/trace" -e trace=all "$PROGRAM" doctor "$@" >"$T/out" || :
	grep -q "the program will\|will_start" "$T/out"
	[ "$(wc -l <"$T/trace")" -gt 500 ]
	same "$(harm "$T/trace")" ""
}
judge() { # it sees what is wrong
	local call command
	while read -r call command; do
		(cd "$T" && strace -f -qq -o "$T/trace" $command >"$T/out" 2>&1) || :
		harm "$T/trace" | grep -E "^[0-9 ]*$call" >/dev/null || fail "not seen: $command"
	done <<'COMMANDS'
openat.*made touch made
utimensat touch made
chmod|fchmodat chmod 600 made
symlink ln -s made link
link|linkat ln made hard
rename mv made moved
copy_file_range|sendfile|write cp moved made
unlink rm made
mkdir mkdir directory
socketpair python3 -c __import__("socket").socketpair()
socket\( python3 -c __import__("socket").socket()
removexattr python3 -c __import__("os").removexattr("moved","user.x")
lchown|fchownat python3 -c __import__("os").lchown("moved",-1,-1)
mmap.*MAP_SHARED python3 -c __import__("mmap").mmap(open("/dev/zero").fileno(),4096,prot=1)
execve env true
kill python3 -c __import__("os").kill(1,0)
COMMANDS
}
if ! sanitized; then
	check "no socket, no write" watched "$TREES/new" --json
	check "nor with all that it can look at" watched "$TREES/old" --venv "$T/venv" --log "$T/start.log"
	check "the judge itself" judge
fi

# what a file is, to the nanosecond, but when it was last read
state() { find "$TREES" "$HOME" "$T/venv" "$T/start.log" "$T/state" -printf '%p %s %m %U %G %n %T@ %C@ %i %l\n' 2>/dev/null | sort; }
unchanged() {
	state >"$T/before"
	[ "$(grep -c '/home/.cache/huggingface/' "$T/before")" -gt 20 ]
	doctor
	HF_HUB_OFFLINE=1 doctor
	quiet
	doctor --venv "$T/venv" --log "$T/start.log"
	cd "$TREES/old"
	doctor
	HF_HOME=$HOME/.cache/huggingface doctor --model-dir "$TREES/old/checkpoints"
	state >"$T/after"
	cmp "$T/before" "$T/after"
}
check "nothing is changed: models, caches, home" unchanged

# What takes time, counted; the time itself is a matter of make bench.
fast() {
	HF_HUB_OFFLINE=1 strace -f -qq -o "$T/trace" -e trace=all "$PROGRAM" doctor >"$T/out" || :
	awk '/(read|pread64|readv)\(/ && $NF > 0 { bytes += $NF }
		END { print NR, bytes; exit !(NR < 3000 && bytes > 1e5 && bytes < 32e6) }' "$T/trace"
}
if ! sanitized; then check "a complete model directory: what it reads" fast; fi

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

many() { # files of which one command mends all
	local work=$T/many count
	cp -a --sparse=always "$TREES/new" "$work" && cd "$work"
	find checkpoints -type f ! -path '*/.itts-pack/*' -exec truncate -s 40 {} +
	HF_HUB_OFFLINE=1 doctor
	count=$(jq '[.findings[] | select(.id == "files.truncated")] | length' "$T/out")
	[ "$count" -gt 12 ]
	HF_HUB_OFFLINE=1 itts doctor >"$T/text" || :
	[ "$(wc -l <"$T/text")" -le 60 ]
	same "$(grep -c 'is cut off' "$T/text")" 6
	grep -Fx "         and $((count - 6)) more like these (--verbose)" "$T/text"
	HF_HUB_OFFLINE=1 itts doctor --verbose >"$T/text" || :
	same "$(grep -c 'is cut off' "$T/text")" "$count"
	not grep "more like" "$T/text"
}
check "so do many files that are damaged; --verbose tells of each" many

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
