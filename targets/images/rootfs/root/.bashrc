# Interactive shells on the bastion.
case $- in *i*) ;; *) return ;; esac
[ -r /usr/share/bash-completion/bash_completion ] && . /usr/share/bash-completion/bash_completion
PS1='\[\e[1;32m\]bastion\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ '
HISTSIZE=5000
alias ll='ls -l --color=auto'
