// A server of the open web that tests ask by its name, started inside the sandbox and found there under that name: over
// HTTP, and over TLS with a certificate that the Python under test trusts (benchmarks.md §1.4).
import type { PinnedPython } from "@hindcast/shared";
import { pythonEnvironment } from "@hindcast/shared/node";
import { inside, type Interpreter } from "./testbed-scripts.ts";

export interface WebService {
  name: string;
  /** What tests call it, and other names of the web that some test wants any answer from. */
  hosts: readonly string[];
  /** At the loopback address, for the hosts' 80 and 443: nobody inside may listen at those. */
  ports: { http: number; https: number };
  /** Pins that install for the Pythons of the instances that need it (3.9 and newer); gunicorn and trustme among them. */
  packages: readonly string[];
  /** "module:object", as gunicorn takes it. */
  application: string;
}

export const httpbin: WebService = {
  name: "httpbin",
  hosts: ["httpbin.org", "www.google.co.uk"],
  ports: { http: 8_087, https: 8_443 },
  packages: [
    "blinker==1.9.0",
    "brotlicffi==1.2.1.0",
    "cffi==2.0.0",
    "click==8.1.8",
    "cryptography==45.0.7",
    "decorator==5.3.1",
    "flask==3.1.3",
    "gunicorn==23.0.0",
    "httpbin==0.10.4",
    "idna==3.10",
    "importlib-metadata==8.7.1",
    "itsdangerous==2.2.0",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "packaging==26.3",
    "pycparser==2.23",
    "six==1.17.0",
    "trustme==1.2.1",
    "werkzeug==3.1.9",
    "zipp==3.23.1",
  ],
  application: "httpbin:app",
};

/** Ten a second. */
const triesMax = 300;

/** Its packages are installed beside those of the instance, which do not see them. */
export function serviceEnvironment({ packages }: WebService, python: string): PinnedPython {
  return pythonEnvironment({ python, pip: [...packages], conda_python_packages: {} });
}

/**
 * Bash that starts it in the background of the session and waits for it. The authority that signs its certificate is made
 * there and then, and is of no use elsewhere.
 */
export function startScript(
  { name, hosts, ports, application }: WebService,
  { executable, version }: Interpreter,
): string {
  const packages = `${inside.services}/${name}/lib/python${version}/site-packages`;
  const place = `/tmp/.${name}`;
  const site = `${inside.layer}/lib/python${version}/site-packages`;
  return `(
set -e
mkdir -p ${place}
python() { PYTHONPATH=${packages} ${executable} "$@"; }
serve() {
  PYTHONPATH=${packages} setsid ${executable} -m gunicorn --workers 1 --threads 4 --log-level critical "$@" ${application} </dev/null >>${place}/log 2>&1 &
}
[[ -e ${place}/client.pem ]] || python -m trustme --quiet --identities ${hosts.join(" ")} --dir ${place}
serve --bind 127.0.0.1:${ports.http}
serve --bind 127.0.0.1:${ports.https} --certfile ${place}/server.pem --keyfile ${place}/server.key
cat > ${site}/_${name}.py <<'EOF'
${redirection(hosts, ports, `${place}/client.pem`)}EOF
echo 'import _${name}' > ${site}/_${name}.pth
for port in ${ports.http} ${ports.https}; do
  for ((tries = 0; ; tries++)); do
    (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break
    ((tries < ${triesMax})) || { cat ${place}/log; exit 1; }
    sleep 0.1
  done
done
)`;
}

/**
 * For every Python of the environment that is tested. Projects bring their own lists of authorities, so that none of
 * the system's would be asked; the one here is added to whatever list is loaded.
 */
export function redirection(hosts: WebService["hosts"], ports: WebService["ports"], authority: string): string {
  return `import socket
import ssl

_find, _trust = socket.getaddrinfo, ssl.SSLContext.load_verify_locations
_hosts = ${JSON.stringify(hosts)}
_ports = {80: ${ports.http}, 443: ${ports.https}, "http": ${ports.http}, "https": ${ports.https}}


def getaddrinfo(host, port, *args, **kwargs):
    if (host.decode() if isinstance(host, bytes) else host) in _hosts:
        host, port = "127.0.0.1", _ports.get(port, port)
    return _find(host, port, *args, **kwargs)


def load_verify_locations(self, *args, **kwargs):
    _trust(self, *args, **kwargs)
    _trust(self, "${authority}")


socket.getaddrinfo = getaddrinfo
ssl.SSLContext.load_verify_locations = load_verify_locations
`;
}
