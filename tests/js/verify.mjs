// Asks two verifiers written by others whether a credential holds, and prints their verdicts as one line of JSON.
//
// Input (stdin): {"credential": {…}, "documents": {url: object}, "origins": {"https://badges.example.org": "http://127.0.0.1:5000"}}
// Output: {"digitalbazaar": {"valid": true, "why": ""}, "dcc": {"valid": true, "why": ""}}
// Contexts and schemas come from files, `documents` from the input, `origins` from loopback; nothing else is ever opened.
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const BADGES = path.join(HERE, '../../service/badges');
const SCHEMA = 'https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json';
const FILES = {
  'https://www.w3.org/ns/credentials/v2': 'contexts/credentials-v2.json',
  'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json': 'contexts/ob-v3p0-context-3.0.3.json',
  'https://purl.imsglobal.org/spec/ob/v3p0/extensions.json': 'contexts/ob-v3p0-extensions.json',
  [SCHEMA]: 'schemas/achievementcredential.strict.json',
};
const LOOPBACK = /^(127(\.\d+){3}|localhost|::1)$/;

const open = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const to = Array.isArray(given[0]) ? given[0][0] : given[0];
  if (to?.host && !LOOPBACK.test(to.host)) throw new Error(`offline: ${to.host}`);
  return open.apply(this, given);
};

const input = JSON.parse(fs.readFileSync(0, 'utf8'));
const fetchLoopback = globalThis.fetch;

async function read(url) {
  const bare = url.split('#')[0];
  if (FILES[bare]) return JSON.parse(fs.readFileSync(path.join(BADGES, FILES[bare]), 'utf8'));
  if (input.documents?.[bare]) return structuredClone(input.documents[bare]);
  for (const [origin, loopback] of Object.entries(input.origins ?? {})) {
    if (!bare.startsWith(origin + '/')) continue;
    const answer = await fetchLoopback(loopback + bare.slice(origin.length));
    if (!answer.ok) throw new Error(`${answer.status}: ${bare}`);
    return answer.json();
  }
  throw new Error(`offline: ${bare}`);
}

globalThis.fetch = async request => {
  try {
    const body = JSON.stringify(await read(request.url ?? String(request)));
    return new Response(body, {status: 200, headers: {'content-type': 'application/json'}});
  } catch (error) {
    throw new TypeError(`fetch failed: ${error.message}`);
  }
};

function didWebAddress(did) {
  const parts = did.split('#')[0].slice('did:web:'.length).split(':').map(decodeURIComponent);
  return 'https://' + parts.join('/') + (parts.length > 1 ? '/did.json' : '/.well-known/did.json');
}

async function documentLoader(url) {
  if (!url.startsWith('did:web:')) return {contextUrl: null, documentUrl: url, document: await read(url)};
  const did = await read(didWebAddress(url));
  const method = did.verificationMethod.find(one => one.id === url);
  if (url.includes('#') && !method) throw new Error(`no verification method ${url}`);
  return {contextUrl: null, documentUrl: url, document: method ? {'@context': did['@context'], ...method} : did};
}

const sentence = error =>
  [error?.message, ...(error?.errors ?? []).map(one => one.message), error?.cause?.message].filter(Boolean).join(': ');

async function digitalbazaar(credential) {
  const vc = await import('@digitalbazaar/vc');
  const {DataIntegrityProof} = await import('@digitalbazaar/data-integrity');
  const {cryptosuite} = await import('@digitalbazaar/eddsa-rdfc-2022-cryptosuite');
  const {checkStatus} = await import('@digitalbazaar/vc-bitstring-status-list');
  const suite = new DataIntegrityProof({cryptosuite});
  const status = options =>
    checkStatus({...options, suite, documentLoader, verifyBitstringStatusListCredential: true});
  const verdict = await vc.verifyCredential({
    credential, suite, documentLoader, ...(credential.credentialStatus && {checkStatus: status}),
  });
  // The library calls a revoked credential verified; its bit is in the results.
  const revoked = (verdict.statusResult?.results ?? []).some(one => one.status);
  return {valid: verdict.verified && !revoked, why: revoked ? 'revoked' : sentence(verdict.error)};
}

async function dcc(credential) {
  const {verifyCredential} = await import('@digitalcredentials/verifier-core');
  const verdict = await verifyCredential({credential, knownDIDRegistries: []});
  const steps = (verdict.log ?? []).filter(step => step.id !== 'registered_issuer');
  const failed = steps.filter(step => step.valid !== true).map(step => step.id);
  const why = [...failed, ...(verdict.errors ?? []).map(sentence)].join(': ');
  return {valid: steps.length > 0 && why === '', why};
}

async function ask(verifier) {
  try {
    return await verifier(structuredClone(input.credential));
  } catch (error) {
    return {valid: false, why: sentence(error) || String(error)};
  }
}

console.log = console.error = () => {}; // one of them talks while it works
const verdicts = {digitalbazaar: await ask(digitalbazaar), dcc: await ask(dcc)};
process.stdout.write(JSON.stringify(verdicts) + '\n');
