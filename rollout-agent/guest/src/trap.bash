trap() {
  if [[ $BASHPID != "$$" || $# -lt 2 || $1 == -[lp]* ]]; then
    builtin trap "$@"
    return
  fi
  if [[ $1 == -- ]]; then shift; fi
  local __hindcast_action=$1 __hindcast_signal
  local -a __hindcast_signals=()
  shift
  for __hindcast_signal; do
    case $__hindcast_signal in
      EXIT | exit | SIGEXIT | 0)
        __hindcast_exit=$__hindcast_action
        if [[ $__hindcast_action == - ]]; then __hindcast_exit=; fi
        ;;
      *) __hindcast_signals+=("$__hindcast_signal") ;;
    esac
  done
  if [[ ${#__hindcast_signals[@]} -gt 0 ]]; then
    builtin trap -- "$__hindcast_action" "${__hindcast_signals[@]}"
  fi
}
