# SPDX-License-Identifier: MIT
#
# bash completion for tern: commands, options, and the names that are on the bus now
#
# The line is taken apart at blanks here: bash would also do it at the colon of
# unix:PATH.

# _tern_names BUS - the names on it; BUS may be empty
_tern_names()
{
	tern ${1:+--bus "$1"} list --names 2>/dev/null
}

# _tern_parse - sets command (empty: none yet), place (words behind it), last, bus
_tern_parse()
{
	local word
	command='' place=0 last='' bus=''
	for word; do
		if [[ $last == --bus ]]; then
			bus=$word
		elif [[ -n $command ]]; then
			((++place))
		elif [[ $word != -* ]]; then
			command=$word
		fi
		last=$word
	done
}

_tern_words()
{
	case $last in
	--bus | -n | --count | -i | --interval | -t | --timeout | -d | --data | --ready-fd) return ;;
	-s | --sender) _tern_names "$bus"; echo tern; return ;;
	-p | --policy) echo drop-newest wait; return ;;
	esac
	case $command/$1 in
	/-*) echo --bus --json --help --version ;;
	list/*) echo --long --names --json --bus --help ;;
	call/-*) echo --timeout --json --bus --help ;;
	ping/-*) echo --count --interval --timeout --json --bus --help ;;
	publish/-*) echo --data --json --bus --help ;;
	subscribe/-*) echo --count --timeout --sender --policy --ready-fd --json --bus --help ;;
	get/-*) echo --timeout --json --bus --help ;;
	watch/-*) echo --count --timeout --latest --json --bus --help ;;
	run/-* | generate/-*) echo --help ;;
	check/-*) echo --print --json --help ;;
	/* | help/*) echo list call ping publish subscribe get watch run check generate help ;;
	generate/*) [[ $place -eq 0 ]] && echo json-schema ;;
	call/* | ping/* | get/* | watch/*) [[ $place -eq 0 ]] && _tern_names "$bus" ;;
	run/*) [[ $place -eq 0 ]] && compgen -c -- "$1" ;;
	esac
}

_tern()
{
	local command place last bus line
	read -ra line <<<"${COMP_LINE:0:COMP_POINT}."
	local word=${line[-1]%.}
	unset 'line[-1]'
	_tern_parse "${line[@]:1}"
	mapfile -t COMPREPLY < <(compgen -W "$(_tern_words "$word")" -- "$word")
}

complete -o bashdefault -o default -F _tern tern
