# Completion of devports for fish. Try it:  devports completion fish | source
# To keep it:
#     mkdir -p ~/.config/fish/completions
#     devports completion fish > ~/.config/fish/completions/devports.fish

function __devports_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~' $HOME -- $words[1])
    for line in ($program __complete $words[2..] $current 2>/dev/null)
        if test "$line" = ":files"
            set -l option (string match -r '^--[^=]*=' -- $current)
            for path in (__fish_complete_path (string replace -r '^--[^=]*=' '' -- $current))
                echo "$option$path"
            end
        else
            echo $line
        end
    end
end

complete -c devports -f -a '(__devports_complete)'
