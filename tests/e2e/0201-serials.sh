#!/usr/bin/env bash
# Old bundles played again, serials that jump, a record that is lost.
. "$(dirname "$0")/lib.sh"

need python3 jq gcc flock strace
repo "$T/top" acme/tiny main model.bin=7000 config.json=300
start_hub hub "$T/top"
RECORD=$XDG_STATE_HOME/itts-pack/serials.json

packs() {
	local n
	for n in 1 6 7 1000008 9007199254740991; do
		expect 0 itts pack acme/tiny --endpoint "$hub" --cache "$T/store" --serial $n -o $n.tar
	done
}
install() { expect "$1" itts install "$2.tar" --cache "$T/hub" "${@:3}"; }
highest() { jq -r '.bundles[0] | "\(.name) \(.highest) \(.installed)"' "$RECORD"; }

first() {
	install 0 7 --dry-run
	test ! -e "$RECORD"
	install 0 7
	same "$(highest)" "acme-tiny 7 7"
	same "$(stat -c %a "$RECORD")" 644
	install 0 7
}
replayed() {
	find "$T/hub" -printf '%p %i %T@\n' | sort >before
	install 8 6
	one_error
	says "serial 6 is older than serial 7" "--allow-downgrade"
	install 8 6 --dry-run
	find "$T/hub" -printf '%p %i %T@\n' | sort >after
	diff before after
	# into another place it is as old
	expect 8 itts install 6.tar --cache "$T/none"
	test ! -e "$T/none"
}
downgrade() {
	install 0 6 --allow-downgrade
	says "back from serial 7 to 6"
	same "$(highest)" "acme-tiny 7 6"
	install 8 6
	install 0 7
	same "$(highest)" "acme-tiny 7 7"
}
jump() {
	install 8 1000008
	says "--allow-jump"
	install 8 9007199254740991
	install 0 1000008 --allow-jump
	same "$(highest)" "acme-tiny 1000008 1000008"
	install 8 7
}
turn() { # N COMMAND...: a newer one is installed while an older one waits for its turn
	local n=$1 pid got=0 state=$T/state$1
	shift
	export XDG_STATE_HOME=$state
	expect 0 itts install 1.tar --cache "$T/hub$n"
	exec 7<"$T/hub$n/.locks/itts-pack.lock"
	flock -x 7
	rm -f "$T/six.err" # of another turn, which waited as well
	"$PROGRAM" "$@" --cache "$T/hub$n" >"$T/six.out" 2>"$T/six.err" 7<&- &
	pid=$!
	await grep -q "waiting for another itts-pack" "$T/six.err"
	expect 0 itts install 7.tar --cache "$T/hub$n.7" 7<&-
	picture "$T/hub$n" >before
	exec 7<&-
	wait $pid || got=$?
	cp "$T/six.err" "$T/err"
	same $got 8
	one_error
	says "serials.json" "serial 6 is older than serial 7" "--allow-downgrade"
	picture "$T/hub$n" | diff before -
	same "$(jq -r '.bundles[0] | "\(.highest) \(.installed)"' "$state/itts-pack/serials.json")" "7 7"
}
turns() {
	turn 5 install 6.tar
	turn 6 import 6.tar "$(itts inspect 6.tar --json | jq -r '.repos[0].id')"
	# and what is installed is recorded before the next one has its turn
	strace -f -y -e trace=close,renameat,renameat2,linkat -o trace "$PROGRAM" install 7.tar --cache "$T/hub5" >/dev/null
	grep -nE 'close\([0-9]+<[^>]*/itts-pack\.lock>' trace | tail -n 1 | cut -d: -f1 >closed
	grep -n '"serials.json"' trace | tail -n 1 | cut -d: -f1 >recorded
	test "$(cat recorded)" -lt "$(cat closed)"
}
lost() {
	rm "$RECORD"
	install 0 7
	says "no record of serials"
	same "$(highest)" "acme-tiny 7 7"
	# a new place: nothing was lost
	rm "$RECORD"
	expect 0 itts install 7.tar --cache "$T/hub2"
	grep -q "no record" "$T/err" && fail "nothing was installed there before"
	# what was imported is there, though no bundle as a whole
	expect 0 itts import 7.tar acme/tiny --cache "$T/hub7"
	rm "$RECORD"
	expect 0 itts install 7.tar --cache "$T/hub7"
	says "no record of serials"
	printf '{' >"$RECORD"
	install 7 7
	says serials.json
	rm "$RECORD"
	install 0 7
}
same_serial() { # two bundles that claim one place
	expect 0 itts pack acme/tiny --include config.json --endpoint "$hub" --cache "$T/store" \
		--serial 7 -o twin.tar
	install 0 twin
	says "another bundle with serial 7"
}
clock() { # a record from the future or the past says the same
	touch -d 1970-01-02 "$RECORD"
	install 8 6
	touch -d 2099-01-01 "$RECORD"
	install 8 6
	install 0 7
	sanitized && return # its runtime wants to be loaded first
	local now
	for now in 86400 4070908800; do # 1970, 2099
		gcc -shared -fPIC -o clock.so -x c - <<-END
			#include <sys/time.h>
			#include <time.h>
			time_t time(time_t *t) { if (t) *t = $now; return $now; }
			int clock_gettime(clockid_t c, struct timespec *t)
			{ (void)c; *t = (struct timespec){ $now, 0 }; return 0; }
			int gettimeofday(struct timeval *t, void *z)
			{ (void)z; *t = (struct timeval){ $now, 0 }; return 0; }
		END
		rm -rf "$T/hub4" "$T/state4"
		export LD_PRELOAD=$T/clock.so XDG_STATE_HOME=$T/state4
		same "$(date +%s)" $now
		expect 0 "$PROGRAM" install 7.tar --cache "$T/hub4"
		expect 8 "$PROGRAM" install 6.tar --cache "$T/hub4"
		says "serial 6 is older than serial 7"
		expect 0 "$PROGRAM" install 7.tar --cache "$T/hub4"
		unset LD_PRELOAD
		expect 8 "$PROGRAM" install 6.tar --cache "$T/hub4"
	done
}
unwritable() {
	expect 0 env XDG_STATE_HOME=/proc/none "$PROGRAM" install 7.tar --cache "$T/hub3"
	says "is not recorded"
}

must packs
check "the serial is recorded, once installed" first
check "an older bundle is refused, and nothing touched" replayed
check "--allow-downgrade, which is recorded" downgrade
check "a serial that jumps" jump
check "a record that is lost or damaged" lost
check "another bundle with the same serial" same_serial
check "looked at again when its turn has come" turns
check "the clock has no say" clock
check "a record that cannot be written" unwritable
finish
