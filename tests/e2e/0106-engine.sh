#!/usr/bin/env bash
# What the engine does on the way: hashing behind the writer, connections that become
# more and fewer, what is asked for twice, the limit on the rate, the deadline.
. "$(dirname "$0")/lib.sh"

need python3 jq curl strace
A=1111111111111111111111111111111111111111
TOP=$T/repos
SIZE=40500000
repo "$TOP" acme/voice $A big.safetensors=$SIZE
SRC=$TOP/models/acme/voice/$A
SUM=$(sha256sum <"$SRC/big.safetensors" | cut -d' ' -f1)
start_hub hub "$TOP"
start_hub even "$TOP" --rate 2500000
start_hub steady "$TOP" --rate 6000000
# shellcheck disable=SC2154
start_fault bad --upstream "$hub" --follow
must itts lock acme/voice --lock "$T/lock.json" --endpoint "$hub" --cache "$T/c0"

# Each byte is read back once, by the thread behind the writer; when the last byte has
# come, little is left to hash; nothing is read afterwards or by mapping it. The journal
# vouches for no block that has not been written.
one_pass() {
	local calls=openat,dup,fcntl,read,pread64,preadv,preadv2,readv,pwrite64,pwritev,write,mmap,sendfile,copy_file_range,renameat,renameat2,linkat
	# shellcheck disable=SC2154
	expect 0 strace -f -y -qq -s 200 -o "$T/trace" -e "trace=$calls" "$PROGRAM" fetch --lock "$T/lock.json" \
		--endpoint "$steady" --cache "$T/c1" --connections 2 --json
	cache_is_honest "$T/c1"
	python3 - "$T/trace" "$SUM" $SIZE <<-'END'
		import re, sys
		trace, name, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
		begun, reads, writes, odd = {}, [], 0, []
		left = 0  # bytes read after the last one was written
		there, vouched = {}, set()  # bytes of each block; blocks
		for line in open(trace):
		    pid, _, call = line.strip().partition(" ")
		    call = call.strip()
		    if call.endswith("<unfinished ...>"):
		        begun[pid] = call[:-len("<unfinished ...>")]
		        continue
		    resumed = re.match(r"<\.\.\. \w+ resumed>", call)
		    if resumed:
		        call = begun.pop(pid) + call[resumed.end():]
		    match = re.match(r"(\w+)\((.*)\)\s+= (-?\d+|0x\w+)", call)
		    if re.match(r"write\(.*%s\.journal" % name, call):
		        for n in map(int, re.findall(r"block (\d+) \d+ [0-9a-f]{16}", call)):
		            assert there.get(n, 0) >= min(1 << 20, size - (n << 20)), "block %d" % n
		            vouched.add(n)
		    if not match or not re.search(name + r"(\.itts-part)?[>\"]", call):
		        continue
		    what, args, got = match.group(1), match.group(2), int(match.group(3), 0)
		    if what == "pread64":
		        reads.append((int(args.rsplit(",", 1)[1], 0), got))
		        left += got
		    elif what in ("pwrite64", "pwritev"):
		        writes, left = writes + got, 0
		        at = int(args.rsplit(",", 1)[1], 0)
		        there[at >> 20] = there.get(at >> 20, 0) + got
		    elif what in ("read", "readv", "preadv", "preadv2", "mmap", "sendfile", "copy_file_range"):
		        odd.append(call)
		total = sum(n for _, n in reads)
		print(writes, "written,", total, "read back,", left, "after the last write;", odd)
		assert not odd
		assert len(vouched) >= size >> 21, "nearly all of them"
		assert size <= writes
		assert total == size, "each byte once"
		at = 0
		for offset, n in reads:
		    assert offset == at, "in order"
		    at += n
		assert left <= 12 << 20, "two requests of so many seconds at most"
	END
}

# How many answers were under way when each began, in this order.
opens() { # [JQ-CONDITION]
	jq -s "[.[] | select((.path | test(\"big\")) and (${1:-true}))] | sort_by(.began) | map(.open)" "$T/log/bad.requests"
}
slow_all() { printf '{"path": "big.safetensors", "fault": "slow", "rate": %s}' "$1"; }
# Each connection brings what it can: few at first, in the end all that may be.
grows() {
	: >"$T/log/bad.requests"
	# shellcheck disable=SC2154
	faults "$bad" "[$(slow_all 1500000)]"
	fetch_big --endpoint "$bad"
	opens | tr -d '\n '
	# (a busy machine looks at them a little late)
	test "$(opens | jq '.[:3] | max')" -le 6
	test "$(opens | jq max)" -ge 12
	test "$(opens | jq max)" -le 18 # a server may see the next before the last has gone
	: >"$T/log/bad.requests"
	fetch_big --endpoint "$bad" --connections 3
	test "$(opens | jq max)" -le 4
}
# Refused in the middle: half as many from then on, and all is right in the end.
halves() { # RULE FAULT COUNT: what it refuses with, and how often
	local pid status=0 most first last
	: >"$T/log/bad.requests"
	faults "$bad" "[$(slow_all 600000)]"
	rm -rf "$T/c2"
	"$PROGRAM" fetch --lock "$T/lock.json" --endpoint "$bad" --cache "$T/c2" --json >"$T/out" 2>"$T/err" &
	pid=$!
	PIDS="$PIDS $pid"
	grown() { test "$(opens 2>&1 | jq max)" -ge 12; }
	await grown
	faults "$bad" "[{\"path\": \"big.safetensors\", \"count\": $3, $1}, $(slow_all 600000)]"
	wait $pid || status=$?
	show
	same $status 0
	cache_is_honest "$T/c2"
	most=$(opens | jq max)
	read -r first last < <(jq -sr "map(select(.fault == \"$2\") | .began) | \"\(min) \(max)\"" "$T/log/bad.requests")
	echo "at most $most; refused from $first until $last"
	# what was under way goes on, but until there are half as many nothing else is
	# begun in its place; three seconds it holds to that
	opens ".began > $last + 0.3 and .began < $first + 3" | tee "$T/after" | tr -d '\n '
	test "$(jq length "$T/after")" -ge 3
	test "$(jq min "$T/after")" -le $((most * 5 / 8))
	jq -e '.retries >= 4' "$T/out"
}
# A server in order, connections all alike: hardly anything is asked for twice.
thrifty() {
	local i
	for i in 4 12; do
		fetch_big --endpoint "$even" --connections $i
		jq -c '[.wasted_bytes, .retries, .elapsed_ms]' "$T/out"
		jq -e ".retries == 0 and .wasted_bytes <= 1048576 and
			([.sources[].received_bytes] | add) <= $SIZE * 1.026" "$T/out"
	done
	fetch_big --endpoint "$hub"
	jq -e ".retries == 0 and .wasted_bytes <= 1048576" "$T/out"
}
# One answer crawls: its block comes from another connection, that block alone.
helped() {
	faults "$bad" '[{"path": "big.safetensors", "fault": "slow", "rate": 1000, "count": 1}]'
	fetch_big --endpoint "$bad"
	jq -e '.wasted_bytes <= 1048576 and .retries == 0' "$T/out"
}
# The last byte is there before its answer has ended: nothing of it was in vain.
all_there() {
	faults "$bad" '[{"path": "big.safetensors", "fault": "unended", "seconds": 5}]'
	fetch_big --endpoint "$bad" --connections 1
	jq -c '[.wasted_bytes, .retries, [.sources[].received_bytes]]' "$T/out"
	jq -e ".wasted_bytes == 0 and .retries == 0 and .sources[0].received_bytes == $SIZE" "$T/out"
}
# Who ignores ranges sends the file once, however many connections there are when that
# shows.
one_stream() {
	local honest
	for honest in 0 3; do
		: >"$T/log/bad.requests"
		faults "$bad" "[{\"path\": \"big.safetensors\", \"fault\": \"none\", \"count\": $honest},
			{\"path\": \"big.safetensors\", \"fault\": \"no-range\"}]"
		fetch_big --endpoint "$bad"
		# what is cut short is no whole answer
		same "$(jq -r 'select(.fault == "no-range") | .sent' "$T/log/bad.requests")" $SIZE
		jq -e '.retries <= 1' "$T/out"
	done
}
timed() { # COMMAND...: how many ms it took, in MS
	local before=$EPOCHREALTIME
	"$@"
	MS=$(((${EPOCHREALTIME/./} - ${before/./}) / 1000))
	echo "took $MS ms"
}
limited() { # exact to a twentieth, from one connection or many
	local n free
	for n in 1 8; do
		timed fetch_big --endpoint "$hub" --connections $n
		free=$MS
		timed fetch_big --endpoint "$hub" --limit-rate 10M --connections $n
		test $MS -ge $((SIZE * 95 / 100 / 10486))
		# what a busy machine takes without a limit comes on top
		test $MS -le $((SIZE * 125 / 100 / 10486 + 2 * free))
	done
}
late() { # given up in time, whatever the server does
	faults "$bad" '[{"path": "big.safetensors", "fault": "stall", "after": 1000, "seconds": 30}]'
	timed expect 4 itts fetch --lock "$T/lock.json" --endpoint "$bad" --cache "$T/c3" --deadline 2s
	one_error
	says "acme/voice big.safetensors" deadline
	test $MS -ge 1900
	test $MS -le 4000
	cache_is_honest "$T/c3"
}

check "hashed behind the writer: each byte read back once" one_pass
check "connections start low and grow up to a cap" grows
check "429 halves them" halves '"fault": "status", "status": 429' status 6
check "503 halves them" halves '"fault": "status", "status": 503' status 6
# of a connection that was of use before, libcurl asks once more by itself
check "resets halve them" halves '"fault": "drop"' drop 24
check "a server in order: nothing much twice" thrifty
check "a connection that crawls: one block twice" helped
check "the last byte comes before the end: nothing in vain" all_there
check "ranges ignored: one stream" one_stream
check "--limit-rate, exactly" limited
late_listing() { # the time of the listing and of small files counts
	local where
	for where in api/ resolve/; do
		faults "$bad" "[{\"path\": \"$where\", \"fault\": \"stall\", \"after\": 10, \"seconds\": 30}]"
		timed expect 4 itts fetch acme/voice --endpoint "$bad" --cache "$T/c4" --deadline 2s
		one_error
		says acme/voice deadline
		test $MS -ge 1900
		test $MS -le 4000
	done
}
# What is there has to be hashed first, and that takes much longer.
late_check() {
	local size=20000000000
	jq --argjson size $size '.repos[0].files[0].size = $size' "$T/lock.json" >"$T/huge.json"
	mkdir -p "$T/c5/models--acme--voice/blobs"
	truncate -s $size "$T/c5/models--acme--voice/blobs/$SUM"
	timed expect 4 itts fetch --lock "$T/huge.json" --endpoint "$hub" --cache "$T/c5" --deadline 1s
	one_error
	says deadline
	test $MS -ge 900
	test $MS -le 3500
}
check "--deadline, in time" late
check "--deadline, while a listing comes" late_listing
check "--deadline, while what is there is hashed" late_check
finish
