#!/usr/bin/env bash
# Writes to standard output every Secret that the manifests refer to, as YAML, with fresh passwords and certificates:
#   deploy/kubernetes/credentials.sh | kubectl apply -f -
# Run it again to rotate, then restart all of NATS's pods at once and after them the programs (deploy/README.md). Where
# External Secrets or cert-manager keep your secrets, let them make Secrets of the same names and keys instead.
#   deploy/kubernetes/credentials.sh --folder deploy/compose/secrets
# writes the same as files for compose.yaml, which its containers' users can read and nobody else who may not enter it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=''
# One that is there already may be open to all, and the files in it are readable by all who enter.
[ "${1:-}" != --folder ] || { mkdir -p "$2"; chmod 700 "$2"; folder=$(cd "$2" && pwd); }
days=${CERTIFICATE_DAYS:-365}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
umask 077
authority=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
openssl req -x509 "${authority[@]}" -days "$days" -subj /CN=hindcast-nats -keyout ca.key -out ca.crt 2>/dev/null
openssl req "${authority[@]}" -subj /CN=nats -keyout tls.key -out tls.csr 2>/dev/null
# Servers call each other's routes as clients; people reach the service by kubectl port-forward as localhost.
cat > extensions <<X
subjectAltName=DNS:nats,DNS:nats.hindcast,DNS:nats.hindcast.svc,DNS:nats.hindcast.svc.cluster.local,DNS:*.nats-headless.hindcast.svc.cluster.local,DNS:nats-headless.hindcast.svc.cluster.local,DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth,clientAuth
X
openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days "$days" -extfile extensions -out tls.crt 2>/dev/null

value() { base64 -w0 < "$1"; }
secret() { # name, namespace, then key=file
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata: { name: %s, namespace: %s }\ndata:\n' "$1" "$2"
  for pair in "${@:3}"; do printf '  %s: %s\n' "${pair%%=*}" "$(value "${pair#*=}")"; done
}
users=(coordinator index-core client backup rollout-agent-shell)
# A letter first: nats-server would read some of the others as numbers.
for user in "${users[@]}"; do printf 'p%s' "$(openssl rand -hex 24)" > "$user"; done
if [ -n "$folder" ]; then
  cp "$here/bases/nats/accounts.conf" accounts.conf
  for user in "${users[@]}"; do
    variable=PASSWORD_$(tr a-z- A-Z_ <<< "$user")
    sed -i "s/password: \$$variable\$/password: \"$(cat "$user")\"/" accounts.conf
  done
  openssl rand -hex 24 > grafana
  install -m 444 tls.crt tls.key ca.crt accounts.conf grafana "${users[@]}" "$folder"
  exit
fi
# With their labels: to apply them without would take the Pod Security level of namespaces that have one.
echo ---
cat "$here/bases/namespaces/namespaces.yaml"
secret nats-passwords hindcast $(for user in "${users[@]}"; do echo "$user=$user"; done)
secret nats-tls hindcast tls.crt=tls.crt tls.key=tls.key ca.crt=ca.crt
for user in coordinator index-core client backup; do secret "bus-$user" hindcast password="$user" ca.crt=ca.crt; done
secret bus-rollout-agent-shell hindcast-agents password=rollout-agent-shell ca.crt=ca.crt
