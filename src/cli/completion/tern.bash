# SPDX-License-Identifier: MIT
#
# bash completion for tern: tern itself knows what a word may become
#
# The line is taken apart at blanks here: bash would also do it at the colon of
# unix:PATH and at the = of KEY=VALUE. So what is in front of the last of those stays.

_tern()
{
	local line word cut candidate
	read -ra line <<<"${COMP_LINE:0:COMP_POINT}."
	word=${line[-1]%.}
	line[-1]=$word
	cut=${word%"${word##*[=:@]}"}
	COMPREPLY=()
	while IFS=$'\t' read -r candidate _; do
		case $candidate in
		:file) compopt -o default ;;
		:program)
			compopt -o default
			mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$word")
			;;
		*)
			[[ $candidate == *= ]] && compopt -o nospace
			COMPREPLY+=("${candidate#"$cut"}")
			;;
		esac
	done < <("${line[0]}" __complete "${line[@]:1}" 2>/dev/null)
}

complete -F _tern tern
