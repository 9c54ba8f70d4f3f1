# ask NAME text|json CURL-ARGUMENT...: asks for something and prints it, or says what was
# wrong in the name of a command. Sourced by query and alerts.
ask() {
  local name=$1 as=$2 answer error
  shift 2
  answer=$(curl -sS --max-time 20 --unix-socket /run/engine/desk.sock "$@") || exit 2
  if error=$(jq -er '.error' <<<"$answer" 2>/dev/null); then
    echo "$name: error: $error" >&2
    jq -r --arg name "$name" '.hint // empty | "\($name): hint: \(.)"' <<<"$answer" >&2
    exit 2
  fi
  if [ "$as" = json ]; then jq . <<<"$answer"; else jq -rj '.text' <<<"$answer"; fi
}
