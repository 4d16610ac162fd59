# What the scripts about doctor share: trees from model_tree.py, and what is asked of
# the findings. Sourced behind lib.sh.

unset VIRTUAL_ENV INDEXTTS2_MODEL_DIR CUDA_VISIBLE_DEVICES CUDA_LAUNCH_BLOCKING \
	PYTORCH_CUDA_ALLOC_CONF TORCH_EXTENSIONS_DIR
TREES=$T/trees
mkdir -p "$TREES"

tree() { # NAME OPTIONS...: a whole one
	local name=$1
	shift
	python3 "$ROOT/tests/e2e/model_tree.py" "$TREES/$name" "$@"
}

copy() { # NAME: hard links to a tree, in ./case; files to be changed go through fresh()
	rm -rf "$T/case"
	cp -al "$TREES/$1" "$T/case"
	cd "$T/case"
}

fresh() { # FILE...: bytes of its own
	local file
	for file; do
		cp --sparse=always "$file" "$file.new"
		mv "$file.new" "$file"
	done
}

# The findings as lines: severity, id, and the texts. Memory and cards of the machine
# that tests run on are not the matter here.
TO_LINES='(if .will_start then "0" else "1" end),
	(.findings[] | select(.id | test("^(machine|gpu)") | not) |
		[.severity + " " + .id, .title, .evidence, .meaning, .remedy // "no remedy"] |
		map(. // "" | gsub("[\t\n]"; " ")) | join("\t"))'

read_findings() {
	jq -r "$TO_LINES" "$T/out" >"$T/lines" || { show; fail "no JSON"; }
	tail -n +2 "$T/lines" >"$T/findings"
}

doctor() { # OPTIONS...: leaves $T/out, $T/findings; the status goes with the result
	local status=0
	itts doctor --json "$@" >"$T/out" 2>"$T/err" || status=$?
	read_findings
	[ "$status" -eq "$(head -n 1 "$T/lines")" ] || { show; fail "status $status"; }
}

ids() { cut -f 1 "$T/findings"; }

finds() { # SEVERITY ID [WORDS...]: with these words somewhere in the finding
	local wanted="$1 $2" line all= word
	shift 2
	while IFS= read -r line; do
		[ "${line%%$'\t'*}" != "$wanted" ] || all=$all$line$'\n'
	done <"$T/findings"
	[ -n "$all" ] || { ids; show; fail "no $wanted"; }
	for word; do
		case $all in *"$word"*) ;; *) echo "$all"; fail "nothing about: $word" ;; esac
	done
	# each says what to do
	case $all in *"no remedy"*) fail "$wanted: no remedy" ;; esac
}

quiet() { # nothing at all
	[ ! -s "$T/findings" ] || { cat "$T/findings"; show; fail "not quiet"; }
}

lacks() { # ID
	! grep -q "^[a-z]* $1	" "$T/findings" || { ids; show; fail "finds $1"; }
}

# REMEDY of the script: what is told of ID, "=TEXT" the whole of it.
remedy_is() { # ID
	local is wanted=${REMEDY[$1]}
	is=$(jq -r --arg id "$1" '[.findings[] | select(.id == $id)][0].remedy' "$T/out")
	case $wanted in
	=*) same "$is" "${wanted#=}" ;;
	*) case $is in *"$wanted"*) ;; *) fail "$1 tells: $is" ;; esac ;;
	esac
}
