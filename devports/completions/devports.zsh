#compdef devports
# Completion of devports for zsh. Try it, after `autoload -Uz compinit && compinit`:
#     eval "$(devports completion zsh)"
# To keep it, with `fpath=(~/.zfunc $fpath)` before compinit in ~/.zshrc:
#     mkdir -p ~/.zfunc
#     devports completion zsh > ~/.zfunc/_devports

_devports() {
    local line word
    local -a found
    for line in "${(@f)$("${words[1]/#\~/$HOME}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
        word=${line%%$'\t'*}
        if [[ $word == ":files" ]]; then
            compset -P '*='
            _files
            return
        fi
        [[ -n $word ]] && found+=("${word//:/\\:}:${line#*$'\t'}")
    done
    (( $#found )) && _describe -V 'devports' found
}

# Called by the completion system from $fpath, or read by eval.
if [[ $funcstack[1] == _devports ]]; then
    _devports "$@"
else
    compdef _devports devports
fi
