#!/usr/bin/env bash
# The face, as those meet it who read what it prints: shells and service managers that
# take the forms of env, three shells that complete, programs that ask for help.
. "$(dirname "$0")/lib.sh"

need python3 jq dash busybox zsh fish
mkdir "$T/bin"
ln -s "$PROGRAM" "$T/bin/itts-pack"
export PATH=$T/bin:$PATH

# Directories that hold what each form has to escape; the last three not every form.
PLACES=("with space" "it's" 'a"b' "c\$HOME\${X}\$\$" "d\`x\`\$(y)" "e\\f\\n\\" "ü 文" "per%cent%h%%"
	" lead" "trail " "#hash;semi" $'tab\there' "*?[x]{a,b}" "~!bang!" "a=b" "-dash" $'esc\e[31m'
	$'new\nline\n' $'cr\r' $'bad\xff')
mkdir env
for place in "${PLACES[@]}"; do mkdir "env/$place"; done

# PLACE OPTIONS...: $T/given is what env prints. True if this form cannot hold the place;
# then it has to say so.
refused() {
	local status=0
	case ${*:2},$1 in
	*docker,*[$'\r\n']* | *docker,*$'\xff' | *systemd,*$'\xff' | --json,*$'\xff') status=2 ;;
	esac
	itts env --cache "env/$1" "${@:2}" >given 2>"$T/err" || status=$((status - $?))
	same $status 0
	cat -v given "$T/err"
	[ -s "$T/err" ] || return
	one_error
	says "rename the directory"
}
shells() {
	local place shell
	for place in "${PLACES[@]}"; do
		for shell in dash bash "busybox sh" "zsh -f"; do
			echo "+ $shell: $(printf %q "$place")"
			HF_HOME=/old $shell -c 'eval "$(itts-pack env --cache "$1")"
				[ "$HF_HUB_CACHE" = "$2" ] && [ -z "${HF_HOME+set}" ]' - "env/$place" "$T/env/$place"
		done
		echo "+ fish: $(printf %q "$place")"
		HF_HOME=/old fish -N -c 'itts-pack env --cache $argv[1] --format fish | source
			test "$HF_HUB_CACHE" = $argv[2]; and not set -q HF_HOME' "env/$place" "$T/env/$place"
	done
}
as_json() {
	local place
	for place in "${PLACES[@]}"; do
		if refused "$place" --json; then continue; fi
		jq -e --arg p "$T/env/$place" '.set.HF_HUB_CACHE == $p' given
	done
}
systemd() { # what it would give a service
	local place
	mkdir -p run
	export XDG_RUNTIME_DIR=$T/run
	for place in "${PLACES[@]}"; do
		if refused "$place" --format systemd; then continue; fi
		printf '[Service]\nExecStart=/bin/true\n' | cat - given >itts.service
		SYSTEMD_LOG_LEVEL=debug systemd-analyze verify --user --man=no ./itts.service >shown 2>"$T/err"
		python3 -c 'import os, sys
want = b"Environment: HF_HUB_CACHE=" + os.fsencode(sys.argv[1]) + b"\n"
sys.exit(0 if want in open("shown", "rb").read() else "not shown: %a" % want)' "$T/env/$place"
		not grep -i "itts.service:[0-9]*:" "$T/err"
	done
}
docker() { # its own client, and a daemon that says what it was told
	local place
	start dockerd python3 "$SERVERS/dockerd.py" "$T/dockerd.socket"
	await test -S dockerd.socket
	export DOCKER_HOST=unix://$T/dockerd.socket
	for place in "${PLACES[@]}"; do
		if refused "$place" --format docker; then continue; fi
		command docker create --env-file given image
		tail -n 1 log/dockerd.out >told
		jq -e --arg v "HF_HUB_CACHE=$T/env/$place" 'index($v) and all(startswith("HF_HOME") | not)' told
	done
}

# What each shell offers behind a line.
in_fish() { fish -N -c "source c.fish; complete -C $(printf %q "$1")" | cut -f 1 | sed 's/=$//' | sort -u; }
in_zsh() { timeout 20 zsh -f "$ROOT/tests/e2e/complete.zsh" "$T/_itts-pack" "$1"; }
in_bash() {
	bash -c '. ./c.bash; COMP_WORDS=() COMP_LINE=$1
		for word in $1; do COMP_WORDS+=("$word"); done
		[[ $1 != *" " ]] || COMP_WORDS+=("")
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		compopt() { :; }
		_itts_pack
		printf "%s\n" "${COMPREPLY[@]}"' - "$1" | sort -u
}
completions() {
	local shell command
	for shell in bash fish zsh; do itts completion $shell >c.$shell; done
	mv c.zsh _itts-pack
	for shell in bash fish zsh; do
		echo "+ $shell"
		same "$(in_$shell "itts-pack in" | xargs)" "init inspect install inventory"
		same "$(in_$shell "itts-pack verify --mo" | xargs)" --model-dir
		same "$(in_$shell "itts-pack env --format " | xargs)" "docker fish sh systemd"
		same "$(in_$shell "itts-pack help ve" | xargs)" "verify version"
		# common options stand before the command too
		same "$(in_$shell "itts-pack --pro" | xargs)" --progress
		same "$(in_$shell "itts-pack -q --cache /tmp ver" | xargs)" "verify version"
		same "$(in_$shell "itts-pack --cache /tmp --json verify --mo" | xargs)" --model-dir
		# the command is the first word, not any
		same "$(in_$shell "itts-pack help verify --mo" | xargs)" ""
	done
	# every option of every command
	itts help --all | awk 'NF == 2' | sort -u >all
	awk '{ print $1 }' all | sort -u >commands
	while read -r command; do in_bash "itts-pack $command --" | sed "s/^/$command /"; done <commands >in.bash
	diff all in.bash
	fish -N -c 'source c.fish; while read -l command
		complete -C "itts-pack $command --" | string replace -r "=?\t.*" "" | string replace -r "^" "$command "
	end' <commands | sort -u >in.fish
	diff all in.fish
	for command in pack install verify; do
		diff <(sed -n "s/^$command //p" all) <(in_zsh "itts-pack $command --")
	done
}

texts() { # --json: a document of each, and of a command line without command
	local args
	for args in "help" "help pack" "help exit-status" "pack --help" "--help" "completion zsh"; do
		expect 0 itts $args
		cp out plain
		expect 0 itts $args --json
		same "$(wc -l <out)" 1
		jq -e '.v == 1 and (.command | IN("help", "completion"))' out
		cmp plain <(jq -j .text out)
	done
	expect 2 itts --json
	jq -e '.error.class == "usage"' out
}

check "env: shells" shells
check "env: --json" as_json
if command -v systemd-analyze >/dev/null; then check "env: systemd" systemd; else echo "# env: systemd: no systemd-analyze here"; fi
if type -P docker >/dev/null; then check "env: docker" docker; else echo "# env: docker: no docker here"; fi
check "completion: bash, zsh, fish" completions
check "help and completion with --json" texts
finish
