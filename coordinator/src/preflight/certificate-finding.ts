// What is wrong with a certificate, in words: expired, of another authority, for another host.
import type { Finding } from "../report/finding.ts";

/** Two weeks are enough to rotate by hand. */
const soonMs = 14 * 24 * 3_600_000;

export interface CertificateView {
  what: string;
  problem: string | null;
  validFrom: Date;
  validTo: Date;
  names: string;
  issuer: string;
  /** What the certificate has to name. */
  host: string;
  /** Where the trusted authority stands. */
  authority: string;
}

export function certificateFinding(view: CertificateView, now: Date): Finding {
  const missing = (detail: string): Finding => ({ what: view.what, state: "missing", detail });
  const day = (date: Date): string => date.toISOString().slice(0, 10);
  const rotate = "make new ones with deploy/kubernetes/credentials.sh, or let cert-manager, and restart NATS";
  // By the dates first: OpenSSL names the first thing that it finds, and a chain that is unknown hides an old certificate.
  if (now > view.validTo) return missing(`expired on ${day(view.validTo)}: ${rotate}`);
  if (now < view.validFrom) {
    return missing(`not valid before ${view.validFrom.toISOString()}: set the clocks, or ${rotate}`);
  }
  if (view.problem === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return missing(`not for ${view.host} but for ${view.names}: connect by one of these names, or ${rotate}`);
  }
  if (view.problem === "CERT_HAS_EXPIRED") return missing(`its authority ${view.issuer} has expired: ${rotate}`);
  if (view.problem !== null) {
    return missing(
      `signed by ${view.issuer}, which ${view.authority} does not hold (${view.problem}): give the authority's certificate as cluster.natsCaFile`,
    );
  }
  const left = view.validTo.getTime() - now.getTime();
  const detail = `for ${view.names}, until ${day(view.validTo)}`;
  if (left < soonMs) return { what: view.what, state: "advice", detail: `${detail}, which is soon: ${rotate}` };
  return { what: view.what, state: "good", detail };
}
