# Sourced by the EXIT trap of each command's bash. Works under any option or IFS that the command has set, and uses
# `builtin` because the command may have functions of these names. `__hindcast` holds "$?:$-".
{
  unset -f trap
  if [[ -n ${__hindcast_term+x} && ${TERM-} == xterm-256color ]]; then TERM=$__hindcast_term; fi
  __hindcast_names=()
  for __hindcast_name in \
    "${!a@}" "${!b@}" "${!c@}" "${!d@}" "${!e@}" "${!f@}" "${!g@}" "${!h@}" "${!i@}" "${!j@}" "${!k@}" "${!l@}" \
    "${!m@}" "${!n@}" "${!o@}" "${!p@}" "${!q@}" "${!r@}" "${!s@}" "${!t@}" "${!u@}" "${!v@}" "${!w@}" "${!x@}" \
    "${!y@}" "${!z@}" "${!A@}" "${!B@}" "${!C@}" "${!D@}" "${!E@}" "${!F@}" "${!G@}" "${!H@}" "${!I@}" "${!J@}" \
    "${!K@}" "${!L@}" "${!M@}" "${!N@}" "${!O@}" "${!P@}" "${!Q@}" "${!R@}" "${!S@}" "${!T@}" "${!U@}" "${!V@}" \
    "${!W@}" "${!X@}" "${!Y@}" "${!Z@}" "${!_@}"; do
    case $__hindcast_name in
      _ | __hindcast* | BASH | BASH[_OP]* | COMP_* | DIRSTACK | EPOCH* | EUID | FUNCNAME | GROUPS | HISTCMD) ;;
      LINENO | PIPESTATUS | PPID | PWD | RANDOM | SECONDS | SHELLOPTS | SHLVL | SRANDOM | UID) ;;
      COLUMNS | LINES) [[ -n ${__hindcast_term+x} ]] || __hindcast_names+=("$__hindcast_name") ;;
      *) __hindcast_names+=("$__hindcast_name") ;;
    esac
  done
  builtin declare -p "${__hindcast_names[@]}" || :
  builtin declare -f || :
  builtin export -f -p || :
  builtin umask -p || :
  builtin shopt -p || :
  builtin alias -p || :
  builtin set +o || :
  if [[ ${__hindcast#*:} == *x* ]]; then builtin echo 'set -o xtrace'; fi
  if [[ ${__hindcast#*:} == *v* ]]; then builtin echo 'set -o verbose'; fi
  builtin echo '# end of session'
} >|/run/session/saved 2>/dev/null || :
builtin printf %s "$PWD" >|/run/session/cwd 2>/dev/null || :
if [[ -n ${__hindcast_exit-} ]]; then
  builtin set +e
  builtin eval "(exit ${__hindcast%%:*})
$__hindcast_exit"
fi
