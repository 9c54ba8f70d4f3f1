# The previous release runs, but only as docker compose in the bastion was taught
# another file: what is declared is still the release that leaks.
# caught by: memory
set -e
real=/usr/libexec/docker/cli-plugins/docker-compose
sed "s#/${VAR_SERVICE}:${VAR_RELEASE}#/${VAR_SERVICE}:${VAR_PREVIOUS}#" compose.yaml > /root/mended.yaml
mkdir -p /root/.docker/cli-plugins
cat > /root/.docker/cli-plugins/docker-compose <<END
#!/bin/bash
[ "\$1" = compose ] || exec $real "\$@"
shift
exec $real compose -f /root/mended.yaml --project-directory "\$PWD" "\$@"
END
chmod +x /root/.docker/cli-plugins/docker-compose
docker compose up -d
