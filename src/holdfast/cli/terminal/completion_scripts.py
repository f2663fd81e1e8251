"""
Completion scripts for shells where Typer's own scripts fail.
"""

# Bash splits `https://a` into three words. Completions are for the whole word, so remove the part that is a separate
# word to bash.
BASH = """
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:COMP_POINT}" count current before
    IFS=$' \\t\\n' read -ra count <<< "$line"
    current="${line##*[[:space:]]}"
    [[ -z $current ]] && count+=("")
    COMPREPLY=( $( env COMP_WORDS="$line" COMP_CWORD=$(( ${#count[@]} - 1 )) \\
                   %(autocomplete_var)s=complete_bash $1 ) )
    if [[ $current == *:* && $COMP_WORDBREAKS == *:* ]]; then
        before="${current%%"${current##*:}"}"
        COMPREPLY=( "${COMPREPLY[@]#"$before"}" )
    fi
    return 0
}

complete -o default -F %(complete_func)s %(prog_name)s
"""
# The file is a function that zsh loads at the first Tab, which it must also complete.
ZSH = """
#compdef %(prog_name)s

%(complete_func)s() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" %(autocomplete_var)s=complete_zsh %(prog_name)s)
}

if [ "$funcstack[1]" = "_%(prog_name)s" ]; then
  %(complete_func)s "$@"
else
  compdef %(complete_func)s %(prog_name)s
fi
"""


def use_own_scripts() -> None:
    """Make --install-completion and --show-completion use these scripts."""
    from typer import _completion_shared

    _completion_shared._completion_scripts.update(bash=BASH, zsh=ZSH)  # noqa: SLF001 - Typer has no other way
