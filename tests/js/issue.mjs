// Measures how fast @digitalbazaar/vc issues a credential with eddsa-rdfc-2022, its contexts at hand.
//
// Input (stdin): {"credential": {…}, "seconds": 3}   Output: {"perSecond": 150}, by CPU time
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import * as vc from '@digitalbazaar/vc';
import * as Ed25519Multikey from '@digitalbazaar/ed25519-multikey';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {cryptosuite} from '@digitalbazaar/eddsa-rdfc-2022-cryptosuite';

const BADGES = path.join(path.dirname(fileURLToPath(import.meta.url)), '../../service/badges/contexts');
const CONTEXTS = {
  'https://www.w3.org/ns/credentials/v2': 'credentials-v2.json',
  'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json': 'ob-v3p0-context-3.0.3.json',
  'https://purl.imsglobal.org/spec/ob/v3p0/extensions.json': 'ob-v3p0-extensions.json',
};
const contexts = Object.fromEntries(
  Object.entries(CONTEXTS).map(([url, file]) => [url, JSON.parse(fs.readFileSync(path.join(BADGES, file), 'utf8'))]));
const documentLoader = async url => ({contextUrl: null, documentUrl: url, document: contexts[url]});

const {credential, seconds} = JSON.parse(fs.readFileSync(0, 'utf8'));
const key = await Ed25519Multikey.generate({controller: credential.issuer.id, id: `${credential.issuer.id}#key-1`});
const suite = new DataIntegrityProof({signer: key.signer(), cryptosuite});
const issue = () => vc.issue({credential: structuredClone(credential), suite, documentLoader}).then(JSON.stringify);

for (let warm = 0; warm < 20; warm++) await issue();
const began = process.cpuUsage(), end = Date.now() + seconds * 1000;
let number = 0;
for (; Date.now() < end; number++) await issue();
const used = process.cpuUsage(began);
process.stdout.write(JSON.stringify({perSecond: number / ((used.user + used.system) / 1e6)}) + '\n');
