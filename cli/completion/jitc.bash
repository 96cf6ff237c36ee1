# Completion for bash. What may follow is asked of jitc itself: `jitc help --complete WORD…`.

_jitc()
{
    # Bash splits words at '=' and ':'; jitc wants them whole. `piece` is the last part, which bash will replace.
    local line=${COMP_LINE:0:COMP_POINT} words=() piece rest i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        rest=${line#"${line%%[![:space:]]*}"}
        piece=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || piece=$rest
        if ((i == 0)) || [[ $rest != "$line" ]]; then
            words+=("$piece")
        else
            words[-1]+=$piece
        fi
        line=${rest#"$piece"}
    done
    [[ $piece != [=:] ]] || piece=
    local word=${words[-1]} before
    before=${word%"$piece"}

    # As jitc would see them: without quotes and backslashes, and with the home folder.
    for i in "${!words[@]}"; do
        words[i]=${words[i]//[\\\"\']/}
        # shellcheck disable=SC2088 # the sign itself is meant
        [[ ${words[i]} != "~/"* ]] || words[i]=$HOME/${words[i]#"~/"}
    done

    COMPREPLY=()
    local reply kind prefix endings file only_files=1 unfinished=1
    while IFS= read -r reply; do
        kind=${reply%%$'\t'*}
        if [[ $kind == :* ]]; then
            prefix=${reply#*$'\t'}
            endings=${prefix#*$'\t'}
            prefix=${prefix%%$'\t'*}
            while IFS= read -r file; do
                if [[ -d ${file/#"~/"/$HOME/} ]]; then
                    COMPREPLY+=("${prefix#"$before"}$file/")
                elif [[ $kind == :files && (-z $endings || " $endings " == *" .${file##*.} "*) ]]; then
                    COMPREPLY+=("${prefix#"$before"}$file")
                    unfinished=
                fi
            done < <(compgen -f -- "${word#"$prefix"}")
        else
            COMPREPLY+=("${kind#"$before"}")
            only_files=
            [[ $kind == *[=/:] ]] || unfinished=
        fi
    done < <("${words[0]}" help --complete "${words[@]:1}" 2>/dev/null)
    [[ ! $unfinished ]] || compopt -o nospace 2>/dev/null
    if [[ $only_files ]]; then # bash then quotes them, and shows their last parts alone
        compopt -o filenames 2>/dev/null
        COMPREPLY=("${COMPREPLY[@]%/}")
    fi
}

complete -F _jitc jitc
