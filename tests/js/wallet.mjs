// A wallet written by others takes up credential offers, one after the other, each with a key that it makes itself.
//
// Input (stdin): {"offers": [{"link": "openid-credential-offer://?…", "txCode": "493536" | null, "by": "did" | "jwk"}],
//                 "origins": {"https://badges.example.org": "http://127.0.0.1:5000"}}
// Output: [{"credential": {…} | "eyJ…", "subject": "did:jwk:…", "draft": "V1", "format": "ldp_vc"} | {"error": "…"}]
import fs from 'node:fs';
import {createHash, randomBytes} from 'node:crypto';
import * as jose from 'jose';
import {Openid4vciClient} from '@openid4vc/openid4vci';
import {clientAuthenticationAnonymous} from '@openid4vc/oauth2';

const input = JSON.parse(fs.readFileSync(0, 'utf8'));

async function fetchLoopback(url, options) {
  for (const [origin, loopback] of Object.entries(input.origins)) {
    const address = String(url);
    if (address === origin || address.startsWith(origin + '/')) return fetch(loopback + address.slice(origin.length), options);
  }
  throw new Error(`offline: ${url}`);
}

async function taken({link, txCode, by}) {
  const {privateKey, publicKey} = await jose.generateKeyPair('ES256', {extractable: true});
  const {kty, crv, x, y} = await jose.exportJWK(publicKey);
  const publicJwk = {crv, kty, x, y};
  const subject = 'did:jwk:' + jose.base64url.encode(JSON.stringify(publicJwk));
  const client = new Openid4vciClient({
    callbacks: {
      fetch: fetchLoopback,
      hash: (data, algorithm) => createHash(algorithm.replace('-', '')).update(data).digest(),
      generateRandom: length => randomBytes(length),
      clientAuthentication: clientAuthenticationAnonymous(),
      signJwt: async (_, {header, payload}) => ({
        jwt: await new jose.SignJWT(payload).setProtectedHeader(header).sign(privateKey), signerJwk: publicJwk,
      }),
    },
  });
  const credentialOffer = await client.resolveCredentialOffer(link);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const {accessTokenResponse} = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, ...(txCode && {txCode}),
  });
  const [credentialConfigurationId] = credentialOffer.credential_configuration_ids;
  const {c_nonce: nonce} = await client.requestNonce({issuerMetadata});
  const signer = by === 'jwk'
    ? {method: 'jwk', publicJwk, alg: 'ES256'}
    : {method: 'did', didUrl: `${subject}#0`, alg: 'ES256'};
  const {jwt} = await client.createCredentialRequestJwtProof({
    issuerMetadata, credentialConfigurationId, signer, nonce, issuedAt: new Date(),
  });
  const answer = await client.retrieveCredentials({
    accessToken: accessTokenResponse.access_token, credentialConfigurationId, issuerMetadata, proofs: {jwt: [jwt]},
  });
  const [{credential}] = answer.credentialResponse.credentials;
  const {format} = issuerMetadata.credentialIssuer.credential_configurations_supported[credentialConfigurationId];
  const known = issuerMetadata.knownCredentialConfigurations[credentialConfigurationId] !== undefined;
  return {credential, subject, draft: issuerMetadata.originalDraftVersion, format, known};
}

const found = [];
for (const offer of input.offers) {
  found.push(await taken(offer).catch(error => ({error: [error.message, error.cause?.message].join(': ')})));
}
process.stdout.write(JSON.stringify(found) + '\n');
