#!/bin/sh
# The manual has every command and option of the program's tables, each option in the
# section on its command (or in one on options that this names), every exit status and
# variable that the program's help names, and no option besides.
. "$(dirname "$0")/lib.sh"

page=docs/itts-pack.1
program=$build/itts-pack
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

if [ ! -x "$program" ]; then
	echo "$program: not built"
	exit 1
fi
"$program" help --all > "$work/all" || exit 1
"$program" help exit-status |
	sed -n 's/^  \([0-9][0-9]*\) .*/\1/p' > "$work/statuses"
"$program" help environment |
	grep -oE '[A-Z]+_[A-Z_]*[A-Z]|[a-z]+_proxy' | sort -u > "$work/variables"
grep -o 'Fl \([a-zA-Z] , \)\{0,1\}-[a-z-]*' "$page" |
	sed 's/.* -/--/' | sort -u > "$work/described"
sed -n 's/^[a-z]* //p' "$work/all" | sort -u > "$work/options"

{
	awk 'NF == 1' "$work/all" | while read -r command; do
		grep -q "^\.Ss Nm Cm $command\( \|$\)" "$page" ||
			echo "$page: no section on $command"
	done
	comm -13 "$work/described" "$work/options" |
		sed "s|^|$page: lacks option |"
	comm -23 "$work/described" "$work/options" |
		sed "s|^|$page: the program has no option |"
	awk -v page="$page" '
		/^\.S[hs] / {
			section = $0
			sub(/^\.S[hs] (Nm Cm )?/, "", section)
			if (/Nm Cm/)
				sub(/ .*/, "", section)
		}
		FNR == NR {
			for (i = 1; i < NF; i++)
				if ($i == "Fl")
					says[section, "-" $(i + 1)] = 1
			for (i = 1; i <= NF; i++)
				if ($i == "," && $(i + 1) ~ /^-/)
					says[section, "-" $(i + 1)] = 1
			text[section] = text[section] " " $0
			next
		}
		NF == 2 {
			if (says[$1, $2] || says["Common options", $2])
				next
			split("What to work on,Lock file,Network,SIGNATURES", named, ",")
			for (i in named)
				if (index(text[$1], named[i]) && says[named[i], $2])
					next
			print page ": the section on " $1 " lacks " $2
		}' "$page" "$work/all"
	while read -r status; do
		grep -q "^\.It $status\$" "$page" ||
			echo "$page: lacks exit status $status"
	done < "$work/statuses"
	while read -r variable; do
		grep -q "^\.It Ev .*$variable\( \|$\)" "$page" ||
			echo "$page: lacks variable $variable"
	done < "$work/variables"
	if command -v mandoc > /dev/null; then
		mandoc -T lint -W warning "$page"
	fi
} | finish
