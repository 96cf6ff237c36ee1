# Completion for fish. What may follow is asked of jitc itself: `jitc help --complete WORD…`.

function __jitc_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    for reply in (command $words[1] help --complete $words[2..] "$word" 2>/dev/null)
        set -l parts (string split \t -- $reply)
        switch $reply
            case ':files*' ':folders*'
                set -l rest (string sub -s (math (string length -- $parts[2]) + 1) -- $word)
                for file in $rest*
                    if test -d $file
                        echo $parts[2]$file/
                    else if string match -q ':files*' -- $reply
                        if test -z "$parts[3]"; or contains -- (path extension -- $file) (string split ' ' -- $parts[3])
                            echo $parts[2]$file
                        end
                    end
                end
            case '*'
                echo $reply
        end
    end
end

complete -c jitc -f -a '(__jitc_complete)'
