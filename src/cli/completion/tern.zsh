#compdef tern
# SPDX-License-Identifier: MIT
#
# zsh completion for tern: tern itself knows what a word may become

_tern()
{
	local line candidate
	local -a whole whole_shown open open_shown
	for line in "${(@f)$(${(Q)words[1]} __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
		candidate=${line%%$'\t'*}
		case $candidate in
		'') ;;
		:file)
			compset -P '*[=@]'
			_files
			;;
		:program) _command_names -e ;;
		*=)
			open+=("$candidate")
			open_shown+=("${line/$'\t'/  -- }")
			;;
		*)
			whole+=("$candidate")
			whole_shown+=("${line/$'\t'/  -- }")
			;;
		esac
	done
	(( $#whole )) && compadd -l -d whole_shown -a whole
	(( $#open )) && compadd -l -S '' -d open_shown -a open
}

# Loaded as a file of completions this is called now; read by a shell it is made known.
if [[ $funcstack[1] == _tern ]]; then
	_tern "$@"
else
	compdef _tern tern
fi
