// Asks jose whether a VC-JWT holds, and checks the rules of Open Badges 3.0 (section 8.2) for its header and claims.
//
// Input (stdin): {"token": "…", "did": {…}}   Output: {"valid": true, "why": ""}
import fs from 'node:fs';
import * as jose from 'jose';

const {token, did} = JSON.parse(fs.readFileSync(0, 'utf8'));
const seconds = text => Math.floor(Date.parse(text) / 1000);

async function verdict() {
  const header = jose.decodeProtectedHeader(token);
  const allowed = ['alg', 'kid', 'typ'];
  if (Object.keys(header).sort().join() !== allowed.join()) return `header: ${Object.keys(header)}`;
  if (header.typ !== 'JWT' || header.alg !== 'RS256') return `header: ${header.typ} ${header.alg}`;
  const method = did.verificationMethod.find(one => one.id === header.kid && did.assertionMethod.includes(one.id));
  if (!method) return `no key ${header.kid}`;
  const {payload} = await jose.jwtVerify(token, await jose.importJWK(method.publicKeyJwk, 'RS256'));
  const issuer = payload.issuer?.id ?? payload.issuer;
  const expected = {iss: issuer, jti: payload.id, sub: payload.credentialSubject.id, nbf: seconds(payload.validFrom)};
  if (payload.validUntil) expected.exp = seconds(payload.validUntil);
  for (const [name, value] of Object.entries(expected)) {
    if (value === undefined || payload[name] !== value) return `claim ${name}: ${payload[name]}, not ${value}`;
  }
  if (method.controller !== issuer) return 'the key is not of the issuer';
  if ('vc' in payload || 'proof' in payload) return 'the payload is not the credential itself';
  return '';
}

const why = await verdict().catch(error => error.message || String(error));
process.stdout.write(JSON.stringify({valid: why === '', why}) + '\n');
