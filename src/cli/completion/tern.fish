# SPDX-License-Identifier: MIT
#
# fish completion for tern: tern itself knows what a word may become

function __tern_complete
	set -l words (commandline -opc)
	set -l word (commandline -ct)
	for line in ($words[1] __complete $words[2..-1] "$word" 2>/dev/null)
		switch $line
			case ':file'
				__fish_complete_path (string replace -r '.*[=@]' '' -- "$word")
			case ':program'
				__fish_complete_command
			case '*'
				echo $line
		end
	end
end

complete -c tern -f -a '(__tern_complete)'
