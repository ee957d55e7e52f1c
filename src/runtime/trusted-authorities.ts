/**
 * The certificates of authorities that Node brings with it, and those of NODE_EXTRA_CA_CERTS, as PEM. A daemon runs with `--use-openssl-ca`, by
 * which Node does not read its own for whoever loads TLS, as gRPC does: 0.9 MB (docs/decisions/0006).
 */
export async function trustedAuthorities(): Promise<string[]> {
  const { getCACertificates } = await import('node:tls');
  return [...getCACertificates('bundled'), ...getCACertificates('extra')];
}
