# Completion of devports for bash. Try it:  eval "$(devports completion bash)"
# To keep it, with the package bash-completion:
#     mkdir -p ~/.local/share/bash-completion/completions
#     devports completion bash > ~/.local/share/bash-completion/completions/devports

_devports() {
    local word current=${COMP_WORDS[COMP_CWORD]}
    [[ $current == "=" ]] && current= # bash splits `--config=x` into three words
    COMPREPLY=()
    while IFS=$'\t' read -r word _; do
        if [[ $word == ":files" ]]; then
            compopt -o filenames 2>/dev/null
            while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current")
        else
            COMPREPLY+=("$word")
        fi
    done < <("${COMP_WORDS[0]/#\~/$HOME}" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}

complete -F _devports devports
