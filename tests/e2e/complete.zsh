# complete.zsh SCRIPT LINE: what zsh offers behind LINE, with the completion of SCRIPT.
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; unset zle_bracketed_paste; autoload -Uz compinit; compinit -u -D; source $1"
zpty -w z "compadd() { if [[ \$@[1,(i)(-|--)] == *-(O|A|D)\ * ]]; then builtin compadd \"\$@\"; return \$?; fi; local -a __hits; builtin compadd -A __hits \"\$@\"; print -rl -- HIT:\$^__hits; builtin compadd \"\$@\" }"
zpty -w z "bindkey '^I' complete-word; zstyle ':completion:*' verbose no; zstyle ':completion:*' list-prompt ''; echo READY"
zpty -r z out '*READY*READY*'
zpty -w -n z "$2"$'\t'
sleep 1.5
zpty -w -n z $'\C-u'
zpty -w z "print END''MARK"
zpty -r z out '*ENDMARK*'
print -r -- $out | tr -d '\r' | grep -o 'HIT:[^ ]*' | sed 's/HIT://' | sort -u
zpty -d z
