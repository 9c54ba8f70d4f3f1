# Interactive shells on the bastion.
case $- in *i*) ;; *) return ;; esac
[ -r /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion

# The prompt: site and region, where we are, the branch, and * for what is not committed.
site=$(sed -n 's/^COMPOSE_PROJECT_NAME=//p' /workspace/.env 2> /dev/null)
GIT_PS1_SHOWDIRTYSTATE=1
. /usr/lib/git-core/git-sh-prompt
PS1='\[\e[1;32m\]bastion\[\e[0m\] '"${site:-shop} ${REGION:-us}"' \[\e[1;34m\]\w\[\e[33m\]$(__git_ps1 " %s")\[\e[0m\]\$ '

HISTSIZE=5000
HISTCONTROL=ignoredups
shopt -s checkwinsize histappend
alias ls='ls --color=auto' ll='ls -l --color=auto' grep='grep --color=auto' ip='ip --color=auto' vim=vi
alias dc='docker compose'

if [ "$SHLVL" -le 1 ] && [ -z "${TMUX:-}" ]; then
  cat <<TEXT
${site:-shop}, bastion in ${REGION:-us}. /workspace is the deploy repository; start with RUNBOOK.md.

  docker compose ps       what runs            git log --oneline       what was changed
  traces, trace ID        requests, by step    as-user eu /product/7   what a user there gets
  psql, redis-cli         the shop's data      escalate                page another team

TEXT
fi
